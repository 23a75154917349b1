-- The addresses of people in the database under which contacts are known.
select c.contact_id, c.address
from rollcall_state.contact c
where c.source = $1 and c.association = $2 and c.contact_id = any($3) and c.contact_id <> ''
  and exists (select from rollcall_state.rep_seen s where s.source = $1 and s.association = $2 and s.address = c.address)
order by c.contact_id, c.address

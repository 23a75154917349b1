-- The addresses that the reps ever had and that a contact has, or had.
select s.rep, s.address
from rollcall_state.rep_seen s
join rollcall_state.contact c on c.source = s.source and c.association = s.association and c.address = s.address
where s.source = $1 and s.association = $2 and s.rep = any($3) and c.contact_id <> ''
order by s.rep, s.address

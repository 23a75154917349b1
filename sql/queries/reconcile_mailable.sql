select c.address
from rollcall_state.contact c
where c.source = $1 and c.association = $2 and c.state = 'active' and c.address > $3
  and exists (select from rollcall_state.rep_seen s where s.source = c.source and s.association = c.association and s.address = c.address)
order by c.address
limit $4

select x.address, array(
    select s.rep from rollcall_state.rep_seen s
    where s.source = $1 and s.association = $2 and s.address = x.address order by s.ord)
from (
    select address from rollcall_state.rep_seen where source = $1 and association = $2
    union
    select address from rollcall_state.contact where source = $1 and association = $2
    union
    select address from rollcall_state.ledger where source = $1 and association = $2
) x
where x.address > $3
order by x.address
limit $4

select address
from rollcall_state.ledger
where source = $1 and association = $2 and list = $3
order by address

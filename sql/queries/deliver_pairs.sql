select address, list, told, confirmed, seen, shown, departed_at is not null
from rollcall_state.ledger
where source = $1 and association = $2 and address = any($3)

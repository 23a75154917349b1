select list, shown_at, told_at, departed_at, removed_at
from rollcall_state.ledger
where source = $1 and association = $2 and address = $3

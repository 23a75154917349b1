select rep, address, allowed_at
from rollcall_state.previous_allowed
where source = $1 and association = $2 and rep = any($3)

-- The last address that a plan saw of each rep.
select rep, address
from rollcall_state.rep_now
where source = $1 and association = $2 and rep = any($3)

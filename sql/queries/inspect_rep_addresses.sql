select address
from rollcall_state.rep_seen
where source = $1 and association = $2 and rep = $3
order by ord

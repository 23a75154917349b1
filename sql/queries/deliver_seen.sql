select address, rep, opted_out, gone
from rollcall_state.rep_seen
where source = $1 and association = $2 and address = any($3)
order by ord

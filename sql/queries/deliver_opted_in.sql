select address
from rollcall_state.opt_in
where source = $1 and association = $2 and address = any($3) and lifted_at > $4::timestamptz - interval '1 hour'

select committed_at, first_lsn::text, last_lsn::text, touched_at, not_before, coalesce(run, 0), version
from rollcall_state.dirty
where source = $1 and association = $2 and address = $3

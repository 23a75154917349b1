-- The people of a question are planned again.
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select distinct source, association, address, $2::timestamptz
from rollcall_state.approval_pair
where approval = $1 and ended = ''
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

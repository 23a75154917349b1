-- A question that waits, or has waited for too long, is withdrawn, and its people are
-- planned again.
with withdrawn as (
    update rollcall_state.approval set state = 'withdrawn', decided_at = $4::timestamptz
    where source = $1 and association = $2 and kind = $3 and state in ('waiting', 'expired')
    returning id
)
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select distinct p.source, p.association, p.address, $4::timestamptz
from rollcall_state.approval_pair p join withdrawn w on w.id = p.approval
where p.ended = ''
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

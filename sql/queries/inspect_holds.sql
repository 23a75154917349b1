-- Questions that concern one address and count: the latest about each
-- operation on each list.
select distinct on (p.list, p.op) a.id, p.list, p.op, a.kind, a.state, a.asked_at, a.expires_at, a.decided_at, a.decided_by
from rollcall_state.approval_pair p
join rollcall_state.approval a on a.id = p.approval
where p.source = $1 and p.association = $2 and p.address = $3 and a.state <> 'withdrawn' and p.ended = ''
order by p.list, p.op, a.id desc

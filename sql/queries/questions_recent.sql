-- The last questions of an association, with the number of their pairs.
select q.id, q.association, q.list, coalesce(l.name, ''), q.kind,
       case when q.state in ('waiting', 'approved') and q.expires_at <= $3::timestamptz then 'expired' else q.state end,
       q.detail, q.asked_at, q.expires_at, q.decided_at, q.decided_by,
       coalesce(c.pairs, 0), coalesce(c.open, 0)
from (
    select * from rollcall_state.approval
    where source = $1 and association = $2
    order by id desc
    limit $4
) q
left join rollcall_state.approval_count c on c.approval = q.id
left join rollcall_state.list l on l.source = q.source and l.association = q.association and l.key = q.list
order by q.id desc

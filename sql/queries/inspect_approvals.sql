-- Questions with the number of their pairs. $2 association or '' for all, $3
-- waiting ones only, $4 the time, $5 one question or 0 for all.
select q.id, q.association, q.list, coalesce(l.name, ''), q.kind,
       case when q.state in ('waiting', 'approved') and q.expires_at <= $4::timestamptz then 'expired' else q.state end as now,
       q.detail, q.asked_at, q.expires_at, q.decided_at, q.decided_by,
       coalesce(c.pairs, 0), coalesce(c.open, 0)
from rollcall_state.approval q
left join rollcall_state.approval_count c on c.approval = q.id
left join rollcall_state.list l on l.source = q.source and l.association = q.association and l.key = q.list
where q.source = $1 and ($2 = '' or q.association = $2) and ($5::bigint = 0 or q.id = $5)
  and (not $3::boolean or q.state = 'waiting' and (q.expires_at is null or q.expires_at > $4::timestamptz))
order by q.id

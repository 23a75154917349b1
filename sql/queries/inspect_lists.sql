-- The lists of an association with what the ledger has of them: who is on each as
-- far as is known, who left it, and the questions that wait.
select b.key, b.kind, b.ref, b.name, b.list_id, b.state, b.existed, b.looked_at is not null, b.keep_foreign, b.bound_at,
       count(*) filter (where l.shown = 'on' or l.told = 'add' and (not l.confirmed or l.shown <> 'off')
                        or l.told = 'remove' and not l.confirmed and l.shown <> 'off')::int,
       count(l.departed_at)::int,
       (select count(*)::int from rollcall_state.approval q
        where q.source = b.source and q.association = b.association and q.list = b.key
          and q.state = 'waiting' and (q.expires_at is null or q.expires_at > $3::timestamptz))
from rollcall_state.list b
left join rollcall_state.ledger l on l.source = b.source and l.association = b.association and l.list = b.key
where b.source = $1 and b.association = $2
group by b.source, b.association, b.key
order by b.key

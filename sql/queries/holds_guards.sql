-- Sizes and removals of lists within the rolling hour. $3 list keys, $4 and $5 the
-- addresses and lists of the removals at hand, $6 the time.
select g.key,
       (g.now_on + g.gone - case when g.young then 0 else g.joined end)::int,
       (select count(*)::int
        from rollcall_state.activity a join rollcall_state.intent i on i.activity = a.id
        where a.source = $1 and a.association = $2 and a.created_at > $6::timestamptz - interval '1 hour' and a.state <> 'rejected'
          and i.list = g.key and i.op = 'remove' and not i.opt_out and not i.approved),
       (select count(*)::int
        from rollcall_state.activity a join rollcall_state.intent i on i.activity = a.id
        where a.source = $1 and a.association = $2 and a.created_at > $6::timestamptz - interval '1 hour' and a.state <> 'rejected'
          and i.list = g.key and i.op = 'remove' and (i.opt_out or i.approved)),
       (select count(distinct p.address)::int
        from rollcall_state.approval_pair p join rollcall_state.approval q on q.id = p.approval
        where q.source = $1 and q.association = $2 and q.kind = 'removals' and q.list = g.key
          and q.state in ('waiting', 'rejected', 'expired') and p.ended = ''
          and not exists (select from unnest($4::text[], $5::text[]) as hand (address, list) where hand.address = p.address and hand.list = p.list))
from (
    select k.key,
           coalesce(b.bound_at > $6::timestamptz - interval '1 hour', true) as young,
           count(*) filter (where believed) as now_on,
           count(*) filter (where not believed and x.told = 'remove' and x.told_at > $6::timestamptz - interval '1 hour') as gone,
           count(*) filter (where believed and x.told = 'add' and x.told_at > $6::timestamptz - interval '1 hour') as joined
    from unnest($3::text[]) as k (key)
    left join rollcall_state.list b on b.source = $1 and b.association = $2 and b.key = k.key
    left join lateral (
        select l.told, l.told_at,
               l.shown = 'on' or l.told = 'add' and (not l.confirmed or l.shown <> 'off') or l.told = 'remove' and not l.confirmed and l.shown <> 'off' as believed
        from rollcall_state.ledger l
        where l.source = $1 and l.association = $2 and l.list = k.key
    ) x on true
    group by k.key, b.bound_at
) g

-- Who left which list: also whom a read missed there (mapper.Pair.missed) while the rows
-- did not want them, and under the address that the person has by now, because who was
-- seen with which address is not in the file.
with departed as (
    select l.association, l.list, l.address, coalesce(l.departed_at, l.shown_at, l.told_at, 'epoch') as since
    from rollcall_state.ledger l
    where l.source = $1
      and (l.departed_at is not null
           or l.shown = 'off' and l.told <> 'remove' and (l.seen or l.told = 'add' and l.confirmed)
              and exists (select from rollcall_state.contact c
                          where c.source = l.source and c.association = l.association and c.address = l.address and c.state = 'active'))
    union all
    -- While it is asked whether they left, they count as having left for the next address.
    select p.association, p.list, p.address, q.asked_at
    from rollcall_state.approval_pair p
    join rollcall_state.approval q on q.id = p.approval and q.kind = 'may_have_left' and q.state = 'waiting'
    where p.source = $1 and p.op = 'add' and p.ended = ''
)
select association, list, address, min(since)
from (
    select * from departed
    union all
    select d.association, d.list, n.address, d.since
    from departed d
    join rollcall_state.rep_seen s on s.source = $1 and s.association = d.association and s.address = d.address
    join rollcall_state.rep_now n on n.source = $1 and n.association = s.association and n.rep = s.rep
    where not exists (select from rollcall_state.previous_allowed a
                      where a.source = $1 and a.association = n.association and a.rep = n.rep and a.address = n.address
                        and a.allowed_at >= d.since)
      and not exists (select from rollcall_state.previous_allowed_list a
                      where a.source = $1 and a.association = n.association and a.rep = n.rep and a.address = n.address
                        and a.list = d.list and a.allowed_at >= d.since)
      and not exists (select from rollcall_state.ledger l
                      where l.source = $1 and l.association = d.association and l.list = d.list and l.address = n.address and l.shown = 'on')
) x
group by 1, 2, 3
order by 1, 2, 3

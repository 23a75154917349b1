-- Which of the addresses the state knows, and on which of our lists that exist a
-- read should show them: where they were seen, or where an addition was
-- confirmed or may have been applied. Who left, or is asked about, is not
-- expected.
select x.address, array(
    select l.list
    from rollcall_state.ledger l
    join rollcall_state.list b on b.source = l.source and b.association = l.association and b.key = l.list and b.state = 'bound'
    where l.source = $1 and l.association = $2 and l.address = x.address
      and l.departed_at is null and (l.shown = 'on' or l.seen or l.told = 'add')
      and not exists (
          select from rollcall_state.approval_pair p join rollcall_state.approval q on q.id = p.approval
          where p.source = l.source and p.association = l.association and p.address = l.address and p.list = l.list
            and q.kind = 'many_left' and q.state = 'waiting' and p.ended = '' and l.shown = 'off')
    order by l.list),
    exists (select from rollcall_state.contact c
            where c.source = $1 and c.association = $2 and c.address = x.address and c.state not in ('', 'absent', 'active'))
from unnest($3::text[]) as x (address)
where exists (select from rollcall_state.rep_seen s where s.source = $1 and s.association = $2 and s.address = x.address)
   or exists (select from rollcall_state.contact c where c.source = $1 and c.association = $2 and c.address = x.address)
   or exists (select from rollcall_state.ledger l where l.source = $1 and l.association = $2 and l.address = x.address)

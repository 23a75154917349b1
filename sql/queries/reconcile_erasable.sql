-- Whom nobody has had since before $3. Who is on a list of ours because somebody
-- decided so at its adoption stays, or would be asked about again. Whom a read missed
-- (mapper.Pair.missed) while the rows did not want them has left as well: nobody is to
-- put them back.
select c.address,
       exists (select from rollcall_state.opt_out o where o.source = c.source and o.association = c.association and o.address = c.address)
       or exists (select from rollcall_state.rep_seen s
                  where s.source = c.source and s.association = c.association and s.address = c.address and s.opted_out),
       array(select l.list from rollcall_state.ledger l
             where l.source = c.source and l.association = c.association and l.address = c.address
               and (l.departed_at is not null
                    or c.state = 'active' and l.shown = 'off' and l.told <> 'remove' and (l.seen or l.told = 'add' and l.confirmed))),
       coalesce((select o.state from rollcall_state.old_account o
                 where o.source = c.source and o.association = c.association and o.address = c.address), '')
from rollcall_state.contact c
where c.source = $1 and c.association = $2 and c.unheld_since < $3
  and not exists (select from rollcall_state.dirty d where d.source = c.source and d.association = c.association and d.address = c.address)
  and not exists (select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
                  where i.address = c.address and a.source = c.source and a.association = c.association
                    and a.state in ('intended', 'sent', 'unknown'))
  and not exists (select from rollcall_state.approval_pair p
                  join rollcall_state.approval q on q.id = p.approval and q.state <> 'withdrawn'
                  join rollcall_state.ledger l on l.source = p.source and l.association = p.association and l.list = p.list and l.address = p.address
                  where p.source = c.source and p.association = c.association and p.address = c.address and p.ended = ''
                    and q.kind in ('left_behind', 'foreign', 'may_have_left', 'many_left') and (l.shown = 'on' or q.state = 'waiting'))
order by c.address
limit $4

-- A pair that was told something else meanwhile keeps that. A removal that
-- overtook another call is not confirmed: the person may be back on the list, and
-- may not, so that both a removal and an addition are planned as if it were so.
update rollcall_state.ledger l
set confirmed = not i.again,
    shown = case when i.op = 'add' then l.shown when i.again then '' else 'off' end,
    seen = l.seen and i.op <> 'remove',
    removed_at = case when i.op = 'remove' and not i.again then $2::timestamptz else l.removed_at end
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where a.id = $1 and l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
  and l.activity = a.id

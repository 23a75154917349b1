-- The contact that was on these lists has another address: for this one nobody
-- was ever told anything. A call that is on its way is waited for.
update rollcall_state.ledger l
set told = '', confirmed = false, seen = false, shown = 'off', activity = null
where l.source = $1 and l.association = $2 and l.address = $3 and l.departed_at is null
  and not exists (
      select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
      where i.address = l.address and i.list = l.list and a.source = l.source and a.association = l.association
        and a.state in ('intended', 'sent', 'unknown'))

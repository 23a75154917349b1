-- The activity was not applied: each pair is again what it was before.
update rollcall_state.ledger l
set told = coalesce(i.was ->> 'told', ''), confirmed = coalesce((i.was ->> 'confirmed')::boolean, false),
    shown = coalesce(i.was ->> 'shown', ''), seen = coalesce((i.was ->> 'seen')::boolean, false)
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where a.id = $1 and l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
  and l.activity = a.id

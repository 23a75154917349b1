-- What the pairs of an activity were before they were told anything.
update rollcall_state.intent i
set was = jsonb_build_object('told', l.told, 'confirmed', l.confirmed, 'shown', l.shown, 'seen', l.seen)
from rollcall_state.activity a, rollcall_state.ledger l
where i.activity = $1 and a.id = i.activity
  and l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address

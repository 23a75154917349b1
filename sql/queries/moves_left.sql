-- The previous address is on no list any more, by our own doing.
update rollcall_state.ledger l
set told = '', confirmed = false, seen = false, shown = 'off'
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and l.source = a.source and l.association = a.association and l.address = i.from_address

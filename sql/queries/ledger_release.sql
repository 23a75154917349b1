-- Whoever waited for this activity is due again.
update rollcall_state.dirty d
set not_before = null
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and d.source = a.source and d.association = a.association and d.address = i.address

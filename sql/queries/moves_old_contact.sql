-- No contact has the previous address now, and none was taken from it.
update rollcall_state.contact c
set contact_id = '', state = 'absent', fields_rep = '', fields = '', lists = 0
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and c.source = a.source and c.association = a.association and c.address = i.from_address

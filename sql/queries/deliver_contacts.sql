select address, contact_id, state, read_at, fields_rep, fields, refused_at is not null, imported_at
from rollcall_state.contact
where source = $1 and association = $2 and address = any($3)

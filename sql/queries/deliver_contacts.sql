-- The one retry of a refused address is due after 49 hours.
select address, contact_id, state, read_at, fields_rep, fields, refused_at is not null, refused_fields,
       refused_at is not null and retried_at is null and refused_at <= $4::timestamptz - interval '49 hours', lists, imported_at
from rollcall_state.contact
where source = $1 and association = $2 and address = any($3)

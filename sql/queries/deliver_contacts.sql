-- The one retry of a refused address is due after 49 hours. Whom the last complete
-- reading of the account showed was read then, whatever the row says.
select address, contact_id, state,
       case when read_at is null or unshown or state in ('', 'absent') then read_at
            else greatest(read_at, (select at from rollcall_state.account_read where source = $1 and association = $2)) end,
       fields_rep, fields, refused_at is not null, refused_fields,
       refused_at is not null and retried_at is null and refused_at <= $4::timestamptz - interval '49 hours', lists, imported_at
from rollcall_state.contact
where source = $1 and association = $2 and address = any($3)

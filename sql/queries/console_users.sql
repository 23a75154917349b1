-- Users: one by name, or all where that is empty.
select name, role, associations, password_hash, password_id::text, added_at, added_by
from rollcall_state.console_user
where source = $1 and ($2 = '' or name = $2)
order by name

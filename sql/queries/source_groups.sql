select group_id::text, name::text, sync
from rollcall.groups
where association_id = $1

select rep_id::text, group_id::text, disabled
from rollcall.group_members
where association_id = $1 and rep_id = any($2)

select association_id::text, rep_id::text, email::text
from rollcall.reps
where member_id = any($1)

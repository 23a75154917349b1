select association_id::text, rep_id::text, email::text
from rollcall.reps
where association_id = $1

select association_id::text, rep_id::text, email::text
from rollcall.reps
where rep_id = any($1)

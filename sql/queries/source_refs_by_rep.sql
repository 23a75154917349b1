select association_id::text, rep_id::text, email::text, opted_out is true
from rollcall.reps
where rep_id = any($1)

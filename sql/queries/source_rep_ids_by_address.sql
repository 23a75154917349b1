-- The expression is the one that the reference schema has an index on.
select rep_id::text, email::text
from rollcall.reps
where association_id = $1 and lower(btrim(email, E' \t\n\r\f\x0b')) = any($2)

select key, holder, serves, token, renewals, held_since, wanted_by, coalesce(wanted_until, held_since)
from rollcall_state.lease
where key = any($1)

update rollcall_state.lease
set renewals = renewals + 1, expires_at = $3
where key = $1 and token = $2 and holder <> ''
returning holder, serves, token, renewals, held_since, wanted_by, coalesce(wanted_until, held_since)

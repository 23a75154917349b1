-- Renews a lease. The commit does not wait for the disk.
update rollcall_state.lease
set renewals = renewals + 1, expires_at = $3
from (select pg_catalog.set_config('synchronous_commit', 'off', true) as set) no_wait
where key = $1 and token = $2 and holder <> '' and no_wait.set = 'off'
returning holder, serves, token, renewals, held_since, wanted_by, coalesce(wanted_until, held_since)

-- Takes a lease that still is as it was seen; the wish of whoever takes it is
-- fulfilled by that. Changing the token waits for transactions that hold the row
-- FOR KEY SHARE.
insert into rollcall_state.lease as l (key, holder, serves, token, held_since, expires_at)
values ($1, $4, $5, $2::bigint + 1, $6, $7)
on conflict (key) do update
set holder = excluded.holder, serves = excluded.serves, token = excluded.token, renewals = l.renewals + 1,
    held_since = excluded.held_since, expires_at = excluded.expires_at,
    wanted_by = case when l.wanted_by = excluded.holder then '' else l.wanted_by end
where l.token = $2 and l.renewals = $3
returning token

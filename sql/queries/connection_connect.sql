-- The tokens of an account that was just connected. The version goes on, so that
-- a refresh of the ones before is not saved over them.
insert into rollcall_state.token as t (source, association, access, refresh, expires_at, version, received_at)
values ($1, $2, $3, $4, $5, 1, $6)
on conflict (source, association) do update
set access = excluded.access, refresh = excluded.refresh, expires_at = excluded.expires_at, version = t.version + 1, received_at = excluded.received_at

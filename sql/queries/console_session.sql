-- The user of a session that is not over, which is noted as seen once a minute
-- at the most: a page asks for many parts.
with live as (
    select s.token_hash, s.seen_at, u.name, u.role, u.associations, u.password_hash, u.password_id
    from rollcall_state.console_session s
    join rollcall_state.console_user u on u.source = s.source and u.name = s.name and u.password_id = s.password_id
    where s.source = $1 and s.token_hash = $2 and s.begun_at > $3 and s.seen_at > $4
), seen as (
    update rollcall_state.console_session s set seen_at = $5
    from live
    where s.source = $1 and s.token_hash = live.token_hash and live.seen_at < $5::timestamptz - interval '1 minute'
)
select name, role, associations, password_hash, password_id::text from live

-- A session of whoever still has the password that was checked. Old ones go.
with gone as (
    delete from rollcall_state.console_session where source = $1 and (begun_at <= $5 or seen_at <= $6)
)
insert into rollcall_state.console_session (source, token_hash, name, password_id, begun_at, seen_at)
select source, $2, name, password_id, $7, $7
from rollcall_state.console_user
where source = $1 and name = $3 and password_id = $4::text::uuid

-- A new password ends all sessions of the user.
with ended as (
    delete from rollcall_state.console_session where source = $1 and name = $2
)
update rollcall_state.console_user set password_hash = $3, password_id = gen_random_uuid(), changed_at = $4
where source = $1 and name = $2

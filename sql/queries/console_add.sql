insert into rollcall_state.console_user (source, name, role, associations, password_hash, password_id, added_at, added_by, changed_at)
values ($1, $2, $3, $4, $5, gen_random_uuid(), $6, $7, $6)
on conflict do nothing

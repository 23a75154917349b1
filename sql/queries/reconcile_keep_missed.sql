insert into rollcall_state.pulled (source, association, address, contact_id, state, lists, read_at, missed, suspect)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (source, association, address) do update
set contact_id = excluded.contact_id, state = excluded.state, lists = excluded.lists, read_at = excluded.read_at,
    missed = excluded.missed, suspect = excluded.suspect

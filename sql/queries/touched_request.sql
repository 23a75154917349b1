-- A replay brings the same message at the same position.
insert into rollcall_state.request (source, content, xid, asked_at, lsn)
values ($1, $2, nullif($3::bigint, 0)::text::xid8, $4, '0/0'::pg_lsn + $5::numeric)
on conflict (source, lsn) do nothing

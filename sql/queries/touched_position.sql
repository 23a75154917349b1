insert into rollcall_state.position as p (source, durable_lsn, saved_at)
values ($1, '0/0'::pg_lsn + $2::numeric, $3)
on conflict (source) do update
set durable_lsn = greatest(p.durable_lsn, excluded.durable_lsn), saved_at = excluded.saved_at

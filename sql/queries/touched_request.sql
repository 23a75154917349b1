-- A replay brings the same message at the same position, or with the same digest. What was asked by SQL is
-- in the audit log like what was asked by a command.
with asked as (
    insert into rollcall_state.request (source, content, xid, asked_at, lsn)
    values ($1, $2, nullif($3::bigint, 0)::text::xid8, $4, '0/0'::pg_lsn + $5::numeric)
    on conflict (source, lsn) do nothing
    returning id, source, asked_at, asked_by, content ->> 'ask' as ask
)
insert into rollcall_state.audit (source, at, who, association, what, subjects, detail)
select source, asked_at, asked_by, $6, ask, array['request:' || id, $7], 'asked for' from asked

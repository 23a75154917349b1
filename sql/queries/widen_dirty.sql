-- Remembers who was seen with which address, and makes dirty what the marks lead to: a
-- rep leads to the address it has and to every address it was seen with. Those are looked
-- up once, and not joined: there are no statistics of pg_temp.mark. Most marks were seen
-- before, and an insert that meets a row costs more than to find that out.
-- $3 is the oldest commit of the stream that leads here, with the ends of the first
-- and the last one; null when nothing of the stream does.
with known as materialized (
    select s.association, m.rep, s.address, s.association = any(m.first) as first
    from (select rep, array_agg(association) as associations, array_agg(association) filter (where first) as first
          from pg_temp.mark where rep <> '' group by rep) m
    cross join lateral (
        select q.association, q.address
        from rollcall_state.rep_seen q
        where q.source = $1 and q.rep = m.rep and ('' = any(m.associations) or q.association = any(m.associations))
        offset 0) s
), seen as (
    insert into rollcall_state.rep_seen (source, association, rep, address)
    select $1, x.association, x.rep, x.address
    from (select association, rep, address from pg_temp.mark where rep <> '' and address <> ''
          except
          select association, rep, address from known) x
    on conflict (source, association, rep, address) do nothing
)
insert into rollcall_state.dirty as d (source, association, address, touched_at, committed_at, first_lsn, last_lsn, first)
select $1, x.association, x.address, $2::timestamptz, $3::timestamptz, '0/0'::pg_lsn + $4::bigint, '0/0'::pg_lsn + $5::bigint,
       coalesce(bool_or(x.first), false)
from (
    select association, address, first from pg_temp.mark where association <> '' and (address <> '' or rep = '')
    union all
    select association, address, first from known) x
group by x.association, x.address
on conflict (source, association, address) do update
set version = d.version + 1, touched_at = least(d.touched_at, excluded.touched_at), not_before = null,
    committed_at = least(d.committed_at, excluded.committed_at),
    first_lsn = least(d.first_lsn, excluded.first_lsn), last_lsn = greatest(d.last_lsn, excluded.last_lsn),
    first = d.first or excluded.first

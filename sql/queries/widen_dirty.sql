-- A rep leads to the address it has and to every address it was seen with, which
-- are looked up, and not joined: there are no statistics of pg_temp.mark.
-- $3 is the oldest commit of the stream that leads here, with the ends of the first
-- and the last one; null when nothing of the stream does.
insert into rollcall_state.dirty as d (source, association, address, touched_at, committed_at, first_lsn, last_lsn, first)
select $1, x.association, x.address, $2::timestamptz, $3::timestamptz, '0/0'::pg_lsn + $4::bigint, '0/0'::pg_lsn + $5::bigint,
       bool_or(x.first)
from (
    select association, address, first from pg_temp.mark where association <> '' and (address <> '' or rep = '')
    union all
    select s.association, s.address, m.first
    from (select distinct association, rep, first from pg_temp.mark where rep <> '') m
    cross join lateral (
        select q.association, q.address
        from rollcall_state.rep_seen q
        where q.source = $1 and q.rep = m.rep and m.association in ('', q.association)
        offset 0) s
) x
group by x.association, x.address
on conflict (source, association, address) do update
set version = d.version + 1, touched_at = least(d.touched_at, excluded.touched_at), not_before = null,
    committed_at = least(d.committed_at, excluded.committed_at),
    first_lsn = least(d.first_lsn, excluded.first_lsn), last_lsn = greatest(d.last_lsn, excluded.last_lsn),
    first = d.first or excluded.first

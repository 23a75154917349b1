-- A rep leads to the address it has and to every address it was seen with.
insert into rollcall_state.dirty as d (source, association, address, touched_at, first)
select $1, x.association, x.address, $2::timestamptz, bool_or(x.first)
from (
    select association, address, first from pg_temp.mark where association <> '' and (address <> '' or rep = '')
    union
    select s.association, s.address, m.first
    from pg_temp.mark m
    join rollcall_state.rep_seen s on s.source = $1 and s.rep = m.rep and (s.association = m.association or m.association = '')
    where m.rep <> ''
) x
group by x.association, x.address
on conflict (source, association, address) do update
set version = d.version + 1, touched_at = least(d.touched_at, excluded.touched_at), not_before = null, first = d.first or excluded.first

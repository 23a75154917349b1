-- Addresses, and those that their reps have by now: consent follows the person.
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select $1, $2, x.address, $4::timestamptz
from (
    select unnest($3::text[]) as address
    union
    select n.address
    from rollcall_state.rep_seen s
    join rollcall_state.rep_now n on n.source = s.source and n.association = s.association and n.rep = s.rep
    where s.source = $1 and s.association = $2 and s.address = any($3)
) x
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

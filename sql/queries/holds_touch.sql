-- The people of a question are planned again, also under the addresses that they have
-- by now.
with asked as (
    select distinct source, association, address
    from rollcall_state.approval_pair
    where approval = $1 and ended = ''
)
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select source, association, address, $2::timestamptz from asked
union
select n.source, n.association, n.address, $2::timestamptz
from asked
join rollcall_state.rep_seen s using (source, association, address)
join rollcall_state.rep_now n on n.source = s.source and n.association = s.association and n.rep = s.rep
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

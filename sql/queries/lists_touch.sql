-- Everybody whom the state knows is planned again, and the lists themselves.
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select $1, $2, x.address, $3::timestamptz
from (
    select '' as address
    union
    select address from rollcall_state.ledger where source = $1 and association = $2
    union
    select address from rollcall_state.rep_seen where source = $1 and association = $2
) x
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

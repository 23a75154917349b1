-- Changes with nothing left to add are finished.
with finished as (
    update rollcall_state.address_change
    set ended_at = $3
    where source = $1 and association = $2 and ended_at is null and lists = '{}'
    returning from_address
)
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select distinct $1, $2, x, $3::timestamptz from finished, unnest(from_address) as x
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

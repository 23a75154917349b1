-- Lists that are not ours are gone, $3 their keys: nobody is on them, and whoever
-- waits because a call named one is planned again.
with off as (
    update rollcall_state.ledger
    set told = '', confirmed = false, seen = false, shown = 'off'
    where source = $1 and association = $2 and list = any($3::text[]) and (told <> '' or shown = 'on')
    returning address
), carried as (
    update rollcall_state.address_change
    set lists = array(select x from unnest(lists) as x where x <> all($3::text[]))
    where source = $1 and association = $2 and ended_at is null and lists && $3::text[]
    returning to_address
)
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select $1, $2, x.address, $4::timestamptz from (select address from off union select to_address from carried) x (address)
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

-- The arrays are one row for each pair.
insert into rollcall_state.ledger as l (source, association, list, address, told, confirmed, seen, shown, shown_at, departed_at)
select $1, $2, x.*
from unnest($3::text[], $4::text[], $5::text[], $6::boolean[], $7::boolean[], $8::text[], $9::timestamptz[], $10::timestamptz[])
    as x (list, address, told, confirmed, seen, shown, shown_at, departed_at)
on conflict (source, association, list, address) do update
set told = excluded.told, confirmed = excluded.confirmed, seen = excluded.seen, shown = excluded.shown, shown_at = excluded.shown_at,
    departed_at = case when excluded.departed_at is null then null else coalesce(l.departed_at, excluded.departed_at) end

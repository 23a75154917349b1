insert into rollcall_state.ledger as l (source, association, list, address, told, confirmed, seen, shown, shown_at, departed_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (source, association, list, address) do update
set told = excluded.told, confirmed = excluded.confirmed, seen = excluded.seen, shown = excluded.shown, shown_at = excluded.shown_at,
    departed_at = case when excluded.departed_at is null then null else coalesce(l.departed_at, excluded.departed_at) end

-- What Constant Contact was told and showed of the previous address holds for
-- the new one.
insert into rollcall_state.ledger as l
    (source, association, list, address, told, told_at, activity, confirmed, seen, shown, shown_at, departed_at, removed_at)
select p.source, p.association, p.list, i.address, p.told, p.told_at, p.activity, p.confirmed, p.seen, p.shown, p.shown_at, p.departed_at, p.removed_at
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
join rollcall_state.ledger p on p.source = a.source and p.association = a.association and p.address = i.from_address
where i.activity = $1
on conflict (source, association, list, address) do update
set told = excluded.told, told_at = excluded.told_at, activity = excluded.activity, confirmed = excluded.confirmed,
    seen = excluded.seen, shown = excluded.shown, shown_at = excluded.shown_at,
    departed_at = coalesce(l.departed_at, excluded.departed_at), removed_at = excluded.removed_at

-- A departure that an earlier installation knew.
insert into rollcall_state.ledger as l (source, association, list, address, shown, departed_at)
values ($1, $2, $3, $4, 'off', $5)
on conflict (source, association, list, address) do update
set departed_at = coalesce(l.departed_at, excluded.departed_at)
where l.shown <> 'on'

-- The pairs of the contacts of a page. n is the address's place in it.
select x.n::int - 1, l.list, l.told, l.confirmed, l.seen, l.shown, l.departed_at is not null
from unnest($3::text[]) with ordinality as x (address, n)
join rollcall_state.ledger l on l.source = $1 and l.association = $2 and l.address = x.address

-- The pairs of the contacts of a page. n is the address's place in it. A look-up
-- each, by offset 0, as in deliver_rep_now.sql.
select x.n::int - 1, l.list, l.told, l.confirmed, l.seen, l.shown, l.departed_at is not null
from unnest($3::text[]) with ordinality as x (address, n)
cross join lateral (
    select * from rollcall_state.ledger where source = $1 and association = $2 and address = x.address offset 0) l

-- What is known of the contacts of a page. n is the address's place in it. A look-up
-- each, by offset 0, as in deliver_rep_now.sql.
select x.n::int - 1, c.contact_id, c.state, c.read_at, c.lists, c.refused_at is not null
from unnest($3::text[]) with ordinality as x (address, n)
cross join lateral (
    select * from rollcall_state.contact
    where source = $1 and association = $2 and address = x.address offset 0) c
where c.read_at is not null

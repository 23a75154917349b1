-- What is known of the contacts of a page. n is the address's place in it.
select x.n::int - 1, c.contact_id, c.state, c.read_at, c.lists, c.refused_at is not null
from unnest($3::text[]) with ordinality as x (address, n)
join rollcall_state.contact c on c.source = $1 and c.association = $2 and c.address = x.address
where c.read_at is not null

-- When somebody was last put on each list or taken off it, by some people: $3 are lists, $4 who on each.
insert into rollcall_state.list_changed as c (source, association, list, at)
select $1, $2, l.list, max(greatest(l.told_at, l.removed_at))
from unnest($3::text[], $4::text[]) as x (list, address)
join rollcall_state.ledger l on l.source = $1 and l.association = $2 and l.list = x.list and l.address = x.address
where l.told_at is not null
group by l.list
on conflict (source, association, list) do update set at = excluded.at where c.at < excluded.at

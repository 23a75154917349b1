-- When somebody was last put on each list or taken off it.
insert into rollcall_state.list_changed as c (source, association, list, at)
select $1, $2, l.list, max(greatest(l.told_at, l.removed_at))
from rollcall_state.ledger l
where l.source = $1 and l.association = $2 and l.told_at is not null
group by l.list
on conflict (source, association, list) do update set at = excluded.at where c.at <> excluded.at

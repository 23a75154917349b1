-- What the pairs of an activity are told; what was shown before no longer
-- counts for an addition, and still does for a removal until it is confirmed.
insert into rollcall_state.ledger as l (source, association, list, address, told, told_at, activity)
select a.source, a.association, i.list, i.address, i.op, a.created_at, a.id
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and i.list <> ''
on conflict (source, association, list, address) do update
set told = excluded.told, told_at = excluded.told_at, activity = excluded.activity, confirmed = false,
    shown = case when excluded.told = 'add' then '' else l.shown end,
    seen = l.seen and (excluded.told <> 'add' or l.shown = 'on')

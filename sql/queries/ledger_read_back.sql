-- What a read-back showed of the pairs of an activity: $2 address, $3 list key
-- of the pairs that are on their list now. Of a removal that overtook another call
-- that is not the last word: the person may be put back on the list yet.
update rollcall_state.ledger l
set shown = case when on_list.address is not null then 'on' when i.again then '' else 'off' end,
    shown_at = $4::timestamptz,
    confirmed = (i.op = 'add') = (on_list.address is not null) and not i.again,
    told = case when (i.op = 'add') = (on_list.address is not null) then l.told
                -- Off a list that is not ours only those are taken whom we put there.
                when i.op = 'remove' and l.list like 'unmanaged:%' then 'add' else '' end,
    -- Whoever is still on the list was put there by us before the removal: who is
    -- missed later has left.
    seen = l.seen or i.op = 'remove' and on_list.address is not null and i.was ->> 'told' = 'add' and coalesce((i.was ->> 'confirmed')::boolean, false),
    removed_at = case when i.op = 'remove' and not i.again and on_list.address is null then $4::timestamptz else l.removed_at end
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
left join unnest($2::text[], $3::text[]) as on_list (address, list) on on_list.address = i.address and on_list.list = i.list
where a.id = $1 and l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
  and l.activity = a.id

-- What is known of the pairs of lists ends with these lists: of $3 list keys, or of
-- all where that is null. Departures stay, and whoever a read had missed where the
-- person was before (mapper.Pair.missed) counts as departed, unless people are asked whether many left,
-- or the person is off every list for another reason.
-- That we took somebody off is remembered: to add such a person again may be held.
update rollcall_state.ledger l
set departed_at = case
        when l.departed_at is not null or l.shown <> 'off' or l.told = 'remove' or not (l.seen or l.told = 'add' and l.confirmed) then l.departed_at
        when exists (select from rollcall_state.approval_pair p join rollcall_state.approval q on q.id = p.approval
                     where p.source = l.source and p.association = l.association and p.list = l.list and p.address = l.address
                       and p.op = 'add' and p.ended = '' and q.kind = 'many_left' and q.state = 'waiting') then null
        when exists (select from rollcall_state.contact c
                     where c.source = l.source and c.association = l.association and c.address = l.address and c.state in ('unsubscribed', 'deleted')) then null
        else $4::timestamptz
    end,
    told = case when l.told = 'remove' then 'remove' else '' end, confirmed = l.told = 'remove', told_at = null, activity = null,
    seen = false, shown = '', shown_at = null, removed_at = null
where l.source = $1 and l.association = $2 and ($3::text[] is null or l.list = any($3::text[]))

-- After a move the e-mail change is finished; one that was not done is not
-- tried again. Both addresses are planned again.
with move as (
    select a.source, a.association, i.from_address, i.address
    from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
    where i.activity = $1
), finished as (
    update rollcall_state.address_change c
    set lists = case when x.outcome = 'done' then '{}' else c.lists end,
        ended_at = case when x.outcome = 'done' then $2::timestamptz else c.ended_at end,
        no_move = x.outcome <> 'done'
    from move m, rollcall_state.activity x
    where x.id = $1 and c.source = m.source and c.association = m.association and c.to_address = m.address and c.ended_at is null
)
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select source, association, unnest(array[from_address, address]), $2::timestamptz from move
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

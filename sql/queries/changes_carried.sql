-- What an activity ($3) carried over is no longer to be added, nor is what the
-- new addresses, those of the activity and $4, are on already whoever put them there.
update rollcall_state.address_change c
set lists = array(
    select x from unnest(c.lists) as x
    where not exists (
        select from rollcall_state.ledger l
        where l.source = c.source and l.association = c.association and l.list = x and l.address = c.to_address
          and (l.told = 'add' and l.confirmed or l.told <> 'remove' and l.shown = 'on')))
where c.source = $1 and c.association = $2 and c.ended_at is null and c.lists <> '{}'
  and c.to_address = any($4::text[] || array(select i.address from rollcall_state.intent i where i.activity = $3 and i.op = 'add'))

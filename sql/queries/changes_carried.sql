-- What an activity carried over is no longer to be added.
update rollcall_state.address_change c
set lists = array(
    select x from unnest(c.lists) as x
    where not exists (
        select from rollcall_state.ledger l
        where l.source = c.source and l.association = c.association and l.list = x and l.address = c.to_address
          and l.told = 'add' and l.confirmed))
from (select distinct a.source, a.association, i.address
      from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
      where i.activity = $1 and i.op = 'add') done
where c.source = done.source and c.association = done.association and c.to_address = done.address
  and c.ended_at is null and c.lists <> '{}'

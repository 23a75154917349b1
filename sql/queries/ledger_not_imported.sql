-- The activity was not done: its rows do not count against those of the day. Of those
-- whose replies were lost that is sure of an import of which no activity was found; a
-- call about one person has none.
update rollcall_state.contact c
set imported_at = array_remove(c.imported_at, i.created_at)
from (select distinct a.source, a.association, a.created_at, i.address
      from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
      where i.activity = $1 and (a.kind = 'import' and a.activity_id is null or a.kind in ('create', 'fields') and a.state = 'rejected')) i
where c.source = i.source and c.association = i.association and c.address = i.address

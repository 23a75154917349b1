-- What was refused, so that other data are another try. A second refusal is the
-- retry.
update rollcall_state.contact c
set refused_fields = case when i.fields <> '' then i.fields else c.refused_fields end,
    retried_at = case when c.refused_at < a.created_at then coalesce(c.retried_at, a.created_at) else c.retried_at end
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and c.source = a.source and c.association = a.association and c.address = i.address and c.refused_at is not null

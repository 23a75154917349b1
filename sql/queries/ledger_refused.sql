-- What was refused, so that other data are another try. A refusal of a call that was
-- made 49 hours after the one before, or later, is that of the one retry. One of other
-- data before that is not: the vendor may flag the address, and the hours begin anew.
update rollcall_state.contact c
set refused_fields = case when i.fields <> '' then i.fields else c.refused_fields end,
    retried_at = case when c.refused_at <= a.created_at - interval '49 hours' then coalesce(c.retried_at, a.created_at) else c.retried_at end,
    refused_at = case when c.refused_at < a.created_at and c.refused_at > a.created_at - interval '49 hours' then $2::timestamptz else c.refused_at end
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and c.source = a.source and c.association = a.association and c.address = i.address and c.refused_at is not null

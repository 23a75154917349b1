-- Who unsubscribed, was deleted or is held back in the account that an association
-- leaves. What was carried over before stays, and an unsubscribe counts most.
insert into rollcall_state.old_account as o (source, association, address, state, since)
select source, association, address, state, state_since
from rollcall_state.contact
where source = $1 and association = $2 and state in ('unsubscribed', 'deleted', 'temp_hold')
on conflict (source, association, address) do update
set state = excluded.state, since = excluded.since
where o.state <> 'unsubscribed' and excluded.state <> 'temp_hold'

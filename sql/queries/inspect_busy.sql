-- Addresses about which a call is on its way.
select distinct i.address
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
where a.source = $1 and a.association = $2 and i.address = any($3) and a.state in ('intended', 'sent', 'unknown')

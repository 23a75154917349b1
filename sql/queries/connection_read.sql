select c.api_key, c.account_id, c.account_name, c.state, c.detail, c.state_since, c.connected_at, c.connected_by, c.agreed_at, c.agreed_by,
       coalesce(t.access, ''), coalesce(t.refresh, ''), coalesce(t.expires_at, c.state_since), coalesce(t.version, 0)
from rollcall_state.connection c
left join rollcall_state.token t on t.source = c.source and t.association = c.association
where c.source = $1 and c.association = $2

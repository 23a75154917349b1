-- Connected accounts and their tokens. See metrics_queue.sql for the shape; $2 is
-- not needed.
select 'connection_state', association, array[state], 1::double precision
from rollcall_state.connection where source = $1 and $2::timestamptz is not null
union all
select 'token_expiry_timestamp_seconds', t.association, '{}', extract(epoch from t.expires_at)::double precision
from rollcall_state.token t
join rollcall_state.connection c on c.source = t.source and c.association = t.association
where t.source = $1 and c.state = 'connected'

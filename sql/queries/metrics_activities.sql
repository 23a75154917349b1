-- Calls whose end is not known. See metrics_queue.sql for the shape.
select 'activities_open', association, array[state], count(*)::double precision
from rollcall_state.activity where source = $1 and state in ('intended', 'sent', 'unknown') group by association, state
union all
select 'activity_oldest_open_seconds', association, '{}', extract(epoch from $2::timestamptz - min(created_at))::double precision
from rollcall_state.activity where source = $1 and state in ('intended', 'sent', 'unknown') group by association

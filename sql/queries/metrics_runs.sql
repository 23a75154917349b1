-- Runs, and what the last full reconciliation had to put right. See
-- metrics_queue.sql for the shape; $2 is not needed.
select 'run_last_success_timestamp_seconds', association, array[kind], extract(epoch from max(ended_at))::double precision
from rollcall_state.run where source = $1 and state = 'done' and ended_at is not null and $2::timestamptz is not null
group by association, kind
union all
select 'run_last_failure_timestamp_seconds', association, array[kind], extract(epoch from max(ended_at))::double precision
from rollcall_state.run where source = $1 and state = 'failed' and ended_at is not null
group by association, kind
union all
select 'runs_open', association, array[kind], count(*)::double precision
from rollcall_state.run where source = $1 and state = 'running' group by association, kind
union all
select 'reconcile_drift_pairs', r.association, array[case c.what when 'added' then 'missing' else 'extra' end], sum(c.n)::double precision
from (
    select distinct on (association) id, association from rollcall_state.run
    where source = $1 and kind = 'reconcile' and state = 'done' order by association, id desc
) r join rollcall_state.run_count c on c.run = r.id and c.what in ('added', 'inactivated')
group by 2, 3

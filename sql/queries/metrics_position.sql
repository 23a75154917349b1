-- How far the stream is durable, and applied: all before it is confirmed, needs
-- nothing, or waits for a person. See metrics_queue.sql for the shape.
with unapplied as (
    select min(end_lsn) as lsn from rollcall_state.touched where source = $1 and end_lsn > '0/0'
    union all
    select min(first_lsn) from rollcall_state.dirty where source = $1
    union all
    select min(i.first_lsn)
    from rollcall_state.activity a join rollcall_state.intent i on i.activity = a.id
    where a.source = $1 and a.state in ('intended', 'sent', 'unknown')
)
select 'position_bytes', '', array['durable'], (durable_lsn - '0/0'::pg_lsn)::double precision
from rollcall_state.position where source = $1
union all
select 'position_bytes', '', array['applied'],
       (least((select min(lsn) from unapplied), durable_lsn) - '0/0'::pg_lsn)::double precision
from rollcall_state.position where source = $1
union all
select 'full_pass_timestamp_seconds', '', '{}', extract(epoch from full_pass_at)::double precision
from rollcall_state.position where source = $1 and full_pass_at is not null

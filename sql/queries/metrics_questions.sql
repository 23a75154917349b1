-- What waits for a person, and why the database is not to be trusted with
-- removals. See metrics_queue.sql for the shape.
with open as (
    select id, association, kind, asked_at from rollcall_state.approval
    where source = $1 and state = 'waiting' and (expires_at is null or expires_at > $2::timestamptz)
)
select 'questions_waiting', association, array[kind], count(*)::double precision from open group by association, kind
union all
select 'held_ops', o.association, array[o.kind, p.op], count(*)::double precision
from open o join rollcall_state.approval_pair p on p.approval = o.id
where p.ended = '' group by 2, 3
union all
select 'question_oldest_seconds', association, array[kind], extract(epoch from $2::timestamptz - min(asked_at))::double precision
from open group by association, kind
union all
select 'source_alarms', association, array[kind], 1
from rollcall_state.alarm where source = $1

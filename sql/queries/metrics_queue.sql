-- What waits to be worked on. Each row is a metric, an association or '', the
-- values of its labels, and the number. $1 source, $2 the time.
select 'touched_keys', '', array[case when packed is null then kind else 'packed' end], sum(keys)::double precision
from rollcall_state.touched where source = $1 group by 3
union all
select 'oldest_touched_seconds', '', '{}', extract(epoch from $2::timestamptz - min(touched_at))::double precision
from rollcall_state.touched where source = $1 having count(*) > 0
union all
select 'queue_addresses', association, array[case when not_before > $2::timestamptz then 'waiting' else 'ready' end], count(*)::double precision
from rollcall_state.dirty where source = $1 group by 2, 3
union all
select 'oldest_unplanned_seconds', association, '{}', extract(epoch from $2::timestamptz - min(touched_at))::double precision
from rollcall_state.dirty where source = $1 and (not_before is null or not_before <= $2::timestamptz) group by association
union all
select 'oldest_unapplied_seconds', association, '{}', extract(epoch from $2::timestamptz - min(committed_at))::double precision
from (
    select association, committed_at from rollcall_state.dirty where source = $1 and committed_at is not null
    union all
    select a.association, i.committed_at
    from rollcall_state.activity a join rollcall_state.intent i on i.activity = a.id
    where a.source = $1 and a.state in ('intended', 'sent', 'unknown') and i.committed_at is not null
) x group by association

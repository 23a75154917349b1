-- The calls of a run that has not ended are not in run_count yet.
select what, reason, sum(n)::int
from (
    select c.what, c.reason, c.n
    from rollcall_state.run_count c join rollcall_state.run r on r.id = c.run
    where c.run = $1 and (r.state <> 'running' or c.what not in ('added', 'updated', 'inactivated'))
    union all
    select case i.op when 'add' then 'added' when 'remove' then 'inactivated' else 'updated' end, i.reason, 1
    from rollcall_state.intent i
    join rollcall_state.activity a on a.id = i.activity
    join rollcall_state.run r on r.id = i.run
    where i.run = $1 and r.state = 'running' and a.state = 'ended' and a.outcome = 'completed' and not i.again
) x
where what <> 'queued'
group by what, reason
order by array_position(array['checked', 'added', 'updated', 'inactivated', 'held', 'refused'], what), reason

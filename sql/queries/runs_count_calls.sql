-- What the calls of a run did, for its report. A removal that overtook another
-- call was sent once more and counts then.
insert into rollcall_state.run_count (run, what, reason, n)
select $1::bigint, case i.op when 'add' then 'added' when 'remove' then 'inactivated' else 'updated' end, i.reason, count(*)
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.run = $1 and a.state = 'ended' and a.outcome = 'completed' and not i.again
group by 2, 3
on conflict (run, what, reason) do update set n = excluded.n

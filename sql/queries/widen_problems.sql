with mended as (
    delete from rollcall_state.rep_problem p
    using pg_temp.mark m
    where p.source = $1 and m.rep = p.rep and (m.association = p.association or m.association = '') and m.problem = ''
      and not exists (select from pg_temp.mark x where x.rep = p.rep and x.problem <> '')
)
insert into rollcall_state.rep_problem as p (source, association, rep, reason, since)
select distinct on (association, rep) $1, association, rep, problem, $2::timestamptz
from pg_temp.mark
where problem <> ''
order by association, rep, problem
on conflict (source, association, rep) do update set reason = excluded.reason, since = excluded.since
where p.reason <> excluded.reason

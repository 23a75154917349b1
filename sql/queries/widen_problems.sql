-- Reps whose address cannot be used, and those whose row was mended or is gone.
-- They are looked up, and not joined: there are no statistics of pg_temp.mark.
with mended as (
    delete from rollcall_state.rep_problem
    where ctid = any(array(
        select p.ctid
        from (select rep, array_agg(association) as associations
              from pg_temp.mark where rep <> '' group by rep having not bool_or(problem <> '')) m
        cross join lateral (
            select q.ctid
            from rollcall_state.rep_problem q
            where q.source = $1 and q.rep = m.rep and ('' = any(m.associations) or q.association = any(m.associations))
            for update) p))
)
insert into rollcall_state.rep_problem as p (source, association, rep, reason, since)
select distinct on (association, rep) $1, association, rep, problem, $2::timestamptz
from pg_temp.mark
where problem <> ''
order by association, rep, problem
on conflict (source, association, rep) do update set reason = excluded.reason, since = excluded.since
where p.reason <> excluded.reason

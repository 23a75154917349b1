-- Those of the associations that have something to do now: somebody in the queue is
-- due, something has its time, or a request is not done.
select x.association
from unnest($2::text[]) x (association)
where exists (select from rollcall_state.dirty d
              where d.source = $1 and d.association = x.association and (d.not_before is null or d.not_before <= $3))
   or exists (select from rollcall_state.due u where u.source = $1 and u.association = x.association and u.at <= $3)
   or exists (select from rollcall_state.request r
              where r.source = $1 and r.state in ('pending', 'running') and coalesce(r.content ->> 'association', x.association) = x.association)

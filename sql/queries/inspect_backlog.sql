-- What is still to be done. $1 source, $2 association, $3 the time, $4 as far as
-- is counted.
select (select saved_at from rollcall_state.position where source = $1),
       (select coalesce(sum(keys), 0)::int from (select keys from rollcall_state.touched where source = $1 limit $4) t),
       (select min(touched_at) from (select touched_at from rollcall_state.touched where source = $1 limit $4) t),
       d.n, d.since,
       (select count(*)::int from rollcall_state.activity where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown'))
from (
    select least(count(*), $4)::int as n, min(touched_at) as since
    from ((select touched_at from rollcall_state.dirty
           where source = $1 and association = $2 and not_before is null
           order by first desc, touched_at, address limit $4)
          union all
          select touched_at from rollcall_state.dirty
          where source = $1 and association = $2 and not_before is not null and not_before <= $3::timestamptz
          limit $4) x
) d

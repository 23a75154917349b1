-- Whoever opted out comes before all others. busy: a call about this address is on its way.
with due as (
    (select address, version, touched_at, exact, run, first
     from rollcall_state.dirty
     where source = $1 and association = $2 and not_before is null
     order by first desc, touched_at, address limit $4)
    union all
    select address, version, touched_at, exact, run, first
    from rollcall_state.dirty
    where source = $1 and association = $2 and not_before is not null and not_before <= $3
)
select d.address, d.version, d.touched_at, d.exact, coalesce(d.run, 0),
       exists (
           select from (select activity from rollcall_state.intent where address = d.address offset 0) i
           join rollcall_state.activity a on a.id = i.activity
           where a.source = $1 and a.association = $2
             and a.state in ('intended', 'sent', 'unknown')
       ) as busy
from due d
order by d.first desc, d.touched_at, d.address
limit $4

-- How an association is. $1 source, $2 association, $3 the time.
select d.due, d.due_since, d.later,
       a.open, a.open_since,
       q.questions, q.asked_at,
       array(select kind || case when detail = '' then '' else ': ' || detail end
             from rollcall_state.alarm where source = $1 and association = $2 order by kind),
       (select max(ended_at) from rollcall_state.run
        where source = $1 and association = $2 and kind <> 'sync_now' and state = 'done'),
       (select at from rollcall_state.due where source = $1 and association = $2 and what = 'nightly')
from (select count(*) filter (where not_before is null or not_before <= $3::timestamptz)::int as due,
             min(touched_at) filter (where not_before is null or not_before <= $3::timestamptz) as due_since,
             count(*) filter (where not_before > $3::timestamptz)::int as later
      from rollcall_state.dirty where source = $1 and association = $2) d,
     (select count(*)::int as open, min(created_at) as open_since
      from rollcall_state.activity where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown')) a,
     (select count(*)::int as questions, min(asked_at) as asked_at
      from rollcall_state.approval where source = $1 and association = $2 and state = 'waiting') q

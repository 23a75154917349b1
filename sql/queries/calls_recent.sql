select id, kind, list_ids, people, state, coalesce(activity_id, ''), coalesce(sent_at, created_at), ended_at, coalesce(outcome, ''), counters
from rollcall_state.activity
where source = $1 and association = $2 and ($3::bigint = 0 or id < $3::bigint)
order by id desc
limit $4

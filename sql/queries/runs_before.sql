select id, kind, lists, asked_by, state, detail, started_at, ended_at, counts
from rollcall_state.run
where source = $1 and association = $2 and ($3::bigint = 0 or id < $3::bigint)
order by id desc
limit $4

-- The calls of run $3, each found by one look into the index: a call has up to
-- 40,000 intents.
with recursive call as (
    (select max(activity) as id from rollcall_state.intent where run = $3)
    union all
    select (select max(i.activity) from rollcall_state.intent i where i.run = $3 and i.activity < call.id)
    from call
    where call.id is not null
)
select a.id, a.kind, a.list_ids, a.people, a.state, coalesce(a.activity_id, ''), coalesce(a.sent_at, a.created_at), a.ended_at,
       coalesce(a.outcome, ''), a.counters
from (select id from call where id is not null limit $4) c
join rollcall_state.activity a on a.id = c.id
where a.source = $1 and a.association = $2
order by a.id desc

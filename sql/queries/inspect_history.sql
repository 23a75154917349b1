select a.id, coalesce(a.sent_at, a.created_at), a.ended_at, a.kind, a.state, coalesce(a.outcome, ''), i.list, i.op, i.reason, i.rep
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
where i.address = $3 and a.source = $1 and a.association = $2
order by a.id desc, i.list
limit $4

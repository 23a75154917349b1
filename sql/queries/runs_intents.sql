select i.activity, i.address, i.list, i.op, i.reason, i.rep, a.state, coalesce(a.outcome, '')
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
where a.source = $1 and a.association = $2 and i.run = $3
order by i.activity, i.address, i.list

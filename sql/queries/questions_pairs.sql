select p.address, p.list, coalesce(l.name, ''), p.op, p.reason, p.rep, p.ended
from rollcall_state.approval_pair p
left join rollcall_state.list l on l.source = p.source and l.association = p.association and l.key = p.list
where p.approval = $1 and p.source = $2 and p.association = $3 and (p.list, p.address, p.op) > ($4, $5, $6)
order by p.list, p.address, p.op
limit $7

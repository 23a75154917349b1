-- What activity $1 did not do is approved still, as long as the approval is good at $2.
update rollcall_state.approval_pair p
set ended = ''
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
join rollcall_state.ledger l on l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address,
     rollcall_state.approval q
where i.activity = $1 and i.approved and not (l.told = i.op and l.confirmed and l.activity = a.id)
  and p.source = a.source and p.association = a.association and p.list = i.list and p.address = i.address and p.op = i.op and p.ended = 'done'
  and q.id = p.approval and q.state = 'approved' and (q.expires_at is null or q.expires_at > $2)

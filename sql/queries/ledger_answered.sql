-- What is sent needs no answer any more.
update rollcall_state.approval_pair p
set ended = 'done'
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1 and p.source = a.source and p.association = a.association
  and p.list = i.list and p.address = i.address and p.op = i.op and p.ended = ''

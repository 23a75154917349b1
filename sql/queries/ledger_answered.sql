-- What is sent needs no answer any more. The sub-select is one that is not joined:
-- see deliver_take_off.sql.
update rollcall_state.approval_pair p
set ended = 'done'
where p.source = $2 and p.association = $3 and p.ended = ''
  and p.address = any(array(select address from rollcall_state.intent where activity = $1))
  and (select true from rollcall_state.intent i where i.activity = $1 and i.list = p.list and i.address = p.address and i.op = p.op)

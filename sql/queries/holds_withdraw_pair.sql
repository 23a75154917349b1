-- One operation is no longer wanted. A question without any is withdrawn.
with pair as (
    update rollcall_state.approval_pair p
    set ended = 'withdrawn'
    from rollcall_state.approval q
    where q.id = p.approval and p.source = $1 and p.association = $2 and p.list = $3 and p.address = $4 and p.op = $5
      and p.ended = '' and q.state <> 'withdrawn'
    returning p.approval
)
update rollcall_state.approval q
set state = 'withdrawn'
where q.id in (select approval from pair) and q.state = 'waiting'
  and not exists (select from rollcall_state.approval_pair p
                  where p.approval = q.id and p.ended = '' and (p.list, p.address, p.op) <> ($3, $4, $5))

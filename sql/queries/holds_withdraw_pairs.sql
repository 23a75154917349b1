-- Operations are no longer wanted: $3 lists, $4 addresses and $5 ops, side by side.
-- A question without any is withdrawn.
with ended as (
    update rollcall_state.approval_pair p
    set ended = 'withdrawn'
    from unnest($3::text[], $4::text[], $5::text[]) as w (list, address, op), rollcall_state.approval q
    where p.source = $1 and p.association = $2 and p.address = any($4::text[])
      and (p.list, p.address, p.op) = (w.list, w.address, w.op)
      and p.ended = '' and q.id = p.approval and q.state <> 'withdrawn'
    returning p.approval, p.list, p.address, p.op
)
update rollcall_state.approval q
set state = 'withdrawn'
where q.id in (select approval from ended) and q.state = 'waiting'
  and not exists (select from rollcall_state.approval_pair p
                  where p.approval = q.id and p.ended = ''
                    and not exists (select from ended e where (e.approval, e.list, e.address, e.op) = (p.approval, p.list, p.address, p.op)))

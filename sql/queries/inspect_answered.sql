-- A question that waits about removals which somebody approved by another way
-- is about these no longer, and withdrawn with the last of them. What adoption
-- asks stays.
with ended as (
    update rollcall_state.approval_pair p
    set ended = 'withdrawn'
    from rollcall_state.approval q
    where q.id = p.approval and p.source = $1 and p.association = $2 and p.list = $3 and p.address = any($4::text[]) and p.op = 'remove'
      and p.ended = '' and q.state = 'waiting' and q.kind in ('removals', 'source', 'went_back')
    returning p.approval, p.list, p.address, p.op
)
update rollcall_state.approval q
set state = 'withdrawn'
where q.id in (select approval from ended)
  and not exists (select from rollcall_state.approval_pair p
                  where p.approval = q.id and p.ended = ''
                    and not exists (select from ended e where (e.approval, e.list, e.address, e.op) = (p.approval, p.list, p.address, p.op)))

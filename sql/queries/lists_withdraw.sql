-- Questions about taking people off lists end with these lists: of $3 list keys,
-- or of all where that is null. Questions about adding people hold on.
with ended as (
    update rollcall_state.approval_pair p
    set ended = 'withdrawn'
    from rollcall_state.approval q
    where q.id = p.approval and p.source = $1 and p.association = $2 and ($3::text[] is null or p.list = any($3::text[]))
      and p.op = 'remove' and p.ended = '' and q.state <> 'withdrawn'
    returning p.approval, p.list, p.address, p.op
)
update rollcall_state.approval q
set state = 'withdrawn', decided_at = $4::timestamptz
where q.state = 'waiting' and q.id in (select approval from ended)
  and not exists (select from rollcall_state.approval_pair p
                  where p.approval = q.id and p.ended = ''
                    and not exists (select from ended e where (e.approval, e.list, e.address, e.op) = (p.approval, p.list, p.address, p.op)))

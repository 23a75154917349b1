-- A new question takes along what was rejected, or expired, of its kind and
-- list and has not been withdrawn. What was answered about people who left, or were
-- found by a first look, is not asked twice: the next answer is about others.
with again as (
    update rollcall_state.approval_pair p
    set ended = 'withdrawn'
    from rollcall_state.approval q, rollcall_state.approval new
    where new.id = $1 and q.id = p.approval and q.id <> new.id
      and q.source = new.source and q.association = new.association and q.list = new.list and q.kind = new.kind
      and q.state in ('rejected', 'expired') and p.ended = ''
      and q.kind not in ('many_left', 'may_have_left', 'left_behind', 'foreign')
    returning p.*
)
insert into rollcall_state.approval_pair (approval, source, association, list, address, op, reason, rep, verdict)
select distinct on (list, address, op) $1, source, association, list, address, op, reason, rep, verdict from again
on conflict do nothing

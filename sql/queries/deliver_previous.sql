-- What the other addresses that the reps ever had show in Constant Contact, or
-- showed in an account before this one, and since when. Of whom it is asked whether
-- they left a list counts as having left it until that is answered.
select s.rep, s.address, coalesce(c.state, o.state, ''), case when c.address is not null then c.state_since else o.since end,
       coalesce(l.list, ''), l.departed_at
from rollcall_state.rep_seen s
left join rollcall_state.contact c
  on c.source = s.source and c.association = s.association and c.address = s.address and c.state in ('unsubscribed', 'deleted', 'temp_hold')
left join rollcall_state.old_account o
  on o.source = s.source and o.association = s.association and o.address = s.address
left join rollcall_state.ledger l
  on l.source = s.source and l.association = s.association and l.address = s.address and l.departed_at is not null
where s.source = $1 and s.association = $2 and s.rep = any($3) and (c.address is not null or o.address is not null or l.address is not null)
union all
select s.rep, s.address, '', null, p.list, q.asked_at
from rollcall_state.rep_seen s
join rollcall_state.approval_pair p on p.source = s.source and p.association = s.association and p.address = s.address and p.op = 'add' and p.ended = ''
join rollcall_state.approval q on q.id = p.approval and q.kind = 'may_have_left' and q.state = 'waiting'
where s.source = $1 and s.association = $2 and s.rep = any($3)

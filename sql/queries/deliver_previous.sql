-- What the other addresses that the reps ever had show in Constant Contact, or
-- showed in an account before this one, and which lists they left. Each part begins
-- with whichever are fewer, the reps or those who are kept off.
select s.rep, s.address, c.state, ''
from rollcall_state.contact c
join rollcall_state.rep_seen s on s.source = c.source and s.association = c.association and s.address = c.address
where c.source = $1 and c.association = $2 and c.state in ('unsubscribed', 'deleted', 'temp_hold') and s.rep = any($3)
union all
select s.rep, s.address, o.state, ''
from rollcall_state.old_account o
join rollcall_state.rep_seen s on s.source = o.source and s.association = o.association and s.address = o.address
where o.source = $1 and o.association = $2 and s.rep = any($3)
  and not exists (select from rollcall_state.contact c
                  where c.source = o.source and c.association = o.association and c.address = o.address
                    and c.state in ('unsubscribed', 'deleted', 'temp_hold'))
union all
select s.rep, s.address, '', l.list
from rollcall_state.ledger l
join rollcall_state.rep_seen s on s.source = l.source and s.association = l.association and s.address = l.address
where l.source = $1 and l.association = $2 and l.departed_at is not null and s.rep = any($3)

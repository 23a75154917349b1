-- What is open of question $1 behind the first $3 goes into question $2.
update rollcall_state.approval_pair p
set approval = $2
from (
    select list, address, op
    from rollcall_state.approval_pair
    where approval = $1 and ended = ''
    order by list, address, op
    offset $3
) r
where p.approval = $1 and (p.list, p.address, p.op) = (r.list, r.address, r.op)

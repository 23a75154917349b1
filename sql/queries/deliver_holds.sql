-- The latest question about each operation of the addresses' pairs; at last whether it
-- is about adding somebody who had opted out.
select distinct on (p.address, p.list, p.op) p.address, p.list, p.op, q.kind,
       case when q.state = 'expired' or q.expires_at <= $4 then 'rejected' else q.state end, p.verdict,
       p.op = 'add' and p.reason = 'opted_out_in_database'
from rollcall_state.approval_pair p
join rollcall_state.approval q on q.id = p.approval
where p.source = $1 and p.association = $2 and p.address = any($3) and p.ended = '' and q.state <> 'withdrawn'
order by p.address, p.list, p.op, p.approval desc

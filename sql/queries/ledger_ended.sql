-- What became of the operations of activity $1, whose end was just recorded. $2:
-- Constant Contact worked through it.
select i.op,
       case
           when a.state = 'rejected' then 'rejected'
           when c.refused_at >= a.created_at then 'refused'
           when i.list = '' and $2::boolean then 'confirmed'
           when i.list = '' then 'not_applied'
           when l.activity is distinct from a.id then 'superseded'
           when l.confirmed then 'confirmed'
           when i.again then 'sent_again'
           else 'not_applied'
       end as outcome,
       i.committed_at, count(*)::int
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
left join rollcall_state.contact c on c.source = a.source and c.association = a.association and c.address = i.address
left join rollcall_state.ledger l on l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
where i.activity = $1
group by 1, 2, 3
order by 1, 2, 3

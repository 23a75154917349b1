-- What calls did to one address, the newest first. What the ledger says counts only
-- while no later call told the pair anything.
select a.id, a.kind, a.state, coalesce(a.activity_id, ''), coalesce(a.outcome, ''),
       i.committed_at, i.first_lsn::text, i.last_lsn::text, a.created_at, a.sent_at, a.ended_at,
       i.list, i.op, i.reason, i.rep, coalesce(i.run, 0),
       case
           when a.state = 'rejected' then 'rejected'
           when a.state <> 'ended' then 'open'
           when i.list = '' then 'ended'
           when l.activity is distinct from a.id then 'superseded'
           when l.confirmed then 'confirmed'
           else 'not_applied'
       end
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
left join rollcall_state.ledger l on l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
where i.address = $3 and a.source = $1 and a.association = $2
order by a.id desc, i.list
limit $4

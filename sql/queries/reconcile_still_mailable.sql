select x.address
from unnest($3::text[]) as x (address)
left join rollcall_state.contact c on c.source = $1 and c.association = $2 and c.address = x.address
where coalesce(c.state, '') not in ('unsubscribed', 'deleted')
  and (c.address is not null
       or exists (select from rollcall_state.rep_seen s where s.source = $1 and s.association = $2 and s.address = x.address)
       or exists (select from rollcall_state.ledger l where l.source = $1 and l.association = $2 and l.address = x.address))

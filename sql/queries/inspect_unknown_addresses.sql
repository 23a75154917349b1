select x.address
from unnest($3::text[]) as x (address)
where not exists (select from rollcall_state.rep_seen s where s.source = $1 and s.association = $2 and s.address = x.address)
  and not exists (select from rollcall_state.ledger l where l.source = $1 and l.association = $2 and l.address = x.address)

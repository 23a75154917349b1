select l.address, exists (select from rollcall_state.rep_seen s where s.source = l.source and s.association = l.association and s.address = l.address)
from rollcall_state.ledger l
where l.source = $1 and l.association = $2 and l.list = $3 and l.shown = 'on' and l.address > $4
order by l.address
limit $5

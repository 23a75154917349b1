update rollcall_state.ledger l
set told = '', confirmed = false, seen = false, departed_at = null
from rollcall_state.approval_pair p
where p.approval = $1 and p.ended = ''
  and l.source = p.source and l.association = p.association and l.list = p.list and l.address = p.address

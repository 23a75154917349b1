select l.address, l.list, l.told, l.confirmed, l.seen, l.shown, l.departed_at is not null,
       coalesce((select i.op from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
                 where i.address = l.address and i.list = l.list and a.source = l.source and a.association = l.association
                   and a.state in ('intended', 'sent', 'unknown')
                 order by i.activity desc limit 1), '')
from rollcall_state.ledger l
where l.source = $1 and l.association = $2 and l.address = any($3)

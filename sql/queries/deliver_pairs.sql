-- op: of the last call about the pair that is on its way. Its person's calls are
-- read, and not all about its list.
select l.address, l.list, l.told, l.confirmed, l.seen, l.shown, l.departed_at is not null,
       coalesce((select i.op
                 from (select activity, list, op from rollcall_state.intent where address = l.address offset 0) i
                 join rollcall_state.activity a on a.id = i.activity
                 where i.list = l.list and a.source = l.source and a.association = l.association
                   and a.state in ('intended', 'sent', 'unknown')
                 order by i.activity desc limit 1), '')
from rollcall_state.ledger l
where l.source = $1 and l.association = $2 and l.address = any($3)

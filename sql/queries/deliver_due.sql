-- Whoever opted out comes before all others. busy: a call about this address is on its way.
select d.address, d.version, d.touched_at, d.exact, coalesce(d.run, 0),
       exists (
           select from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
           where i.address = d.address and a.source = d.source and a.association = d.association
             and a.state in ('intended', 'sent', 'unknown')
       ) as busy
from rollcall_state.dirty d
where d.source = $1 and d.association = $2 and (d.not_before is null or d.not_before <= $3)
order by d.first desc, d.touched_at, d.address
limit $4

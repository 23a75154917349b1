-- Reps with addresses that nobody saw them with before.
insert into rollcall_state.rep_seen (source, association, rep, address)
select distinct $1, m.association, m.rep, m.address
from pg_temp.mark m
where m.rep <> '' and m.address <> ''
  and not exists (select from rollcall_state.rep_seen s
                  where s.source = $1 and s.association = m.association and s.rep = m.rep and s.address = m.address)
on conflict (source, association, rep, address) do nothing

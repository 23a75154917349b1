-- Most were seen before. They are looked up first: an insert that meets a row costs
-- more, a number of the sequence among it.
insert into rollcall_state.rep_seen (source, association, rep, address)
select distinct $1, m.association, m.rep, m.address
from pg_temp.mark m
where m.rep <> '' and m.address <> ''
  and (select true from rollcall_state.rep_seen s
       where s.source = $1 and s.association = m.association and s.rep = m.rep and s.address = m.address) is null
on conflict (source, association, rep, address) do nothing

insert into rollcall_state.rep_seen (source, association, rep, address)
select distinct $1, association, rep, address
from pg_temp.mark
where rep <> '' and address <> ''
on conflict (source, association, rep, address) do nothing

-- Counts a block of calls of a key, and what associations have used by now.
with block as (
    insert into rollcall_state.budget as b (key, day, taken) values ($1, $2, $3)
    on conflict (key, day) do update set taken = b.taken + excluded.taken
)
insert into rollcall_state.budget_share (key, day, source, association, calls, opt_outs)
select $1, $2, x.source, x.association, x.calls, x.opt_outs
from unnest($4::text[], $5::text[], $6::integer[], $7::integer[]) as x (source, association, calls, opt_outs)
on conflict (key, day, source, association) do update
set calls = excluded.calls, opt_outs = excluded.opt_outs

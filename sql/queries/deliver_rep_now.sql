-- The last address that a plan saw of each rep. A look-up each, by offset 0: the
-- server would rather read the table for some thousand reps, and once for each piece.
select x.rep, n.address
from unnest($3::text[]) as x (rep)
cross join lateral (
    select address from rollcall_state.rep_now where source = $1 and association = $2 and rep = x.rep offset 0) n

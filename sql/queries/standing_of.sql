-- How people stand. Person by person (offset 0 keeps it so): without statistics
-- the planner would rather read everybody of the association.
select s.*
from (select distinct who from unnest($3::text[]) as w (who)) w
cross join lateral (
    select list, who, class, reason, on_list, op, rep from rollcall_state.standing
    where source = $1 and association = $2 and who = w.who
    offset 0
) s
order by s.who

-- What was allowed in spite of a previous address: on all lists (''), or on one.
select rep, address, '', allowed_at
from rollcall_state.previous_allowed
where source = $1 and association = $2 and rep = any($3)
union all
select rep, address, list, allowed_at
from rollcall_state.previous_allowed_list
where source = $1 and association = $2 and rep = any($3)

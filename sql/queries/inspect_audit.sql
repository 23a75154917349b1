-- Acts of operators. $2 association or '' for all, $3 only before this one or 0.
select id, at, who, association, what, subjects, detail
from rollcall_state.audit
where source = $1 and ($2 = '' or association = $2) and ($3::bigint = 0 or id < $3)
order by id desc
limit $4

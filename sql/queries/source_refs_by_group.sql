select r.association_id::text, r.rep_id::text, r.email::text, r.opted_out is true
from rollcall.group_members m
join rollcall.reps r on r.association_id = m.association_id and r.rep_id = m.rep_id
where m.group_id = any($1)

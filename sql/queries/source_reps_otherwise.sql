-- Reps whose id a membership has as another text, although both are equal.
select distinct r.rep_id::text
from rollcall.reps r
join rollcall.group_members m on m.association_id = r.association_id and m.rep_id = r.rep_id
where r.association_id = $1 and r.rep_id = any($2) and r.rep_id::text <> m.rep_id::text

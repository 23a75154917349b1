-- Every membership type that a rep's member has: a list is wanted although
-- nobody is on it yet.
select distinct '', t
from rollcall.reps r, unnest(r.membership_types::text[]) as t
where r.association_id = $1 and t is not null

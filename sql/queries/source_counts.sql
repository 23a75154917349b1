-- How many rows each view has for an association: a view that lost many, or
-- all, is not believed.
select 'reps', count(*) from rollcall.reps where association_id = $1
union all
select 'groups', count(*) from rollcall.groups where association_id = $1
union all
select 'group_members', count(*) from rollcall.group_members where association_id = $1
union all
select 'options', count(*) from rollcall.options where association_id = $1

-- The name under which this database is on record, or under which the state in
-- it was made. $1 our name, $2 system id, $3 oid, $4 whether the state is in it.
select source
from rollcall_state.installation
where source <> $1 and (system_id = $2 and database_oid = $3 or with_state and $4::boolean)
limit 1

-- $2 to $4 the database on record, $5 to $9 the one that is right from now on.
update rollcall_state.installation
set system_id = $5, timeline = $6, database_oid = $7, slot = $8, with_state = $9, adopted_at = $10, adopted_by = $11, adopted_as = $12
where source = $1 and system_id = $2 and timeline = $3 and database_oid = $4

select address, committed_at, (first_lsn - '0/0'::pg_lsn)::bigint, (last_lsn - '0/0'::pg_lsn)::bigint
from rollcall_state.dirty
where source = $1 and association = $2 and address = any($3::text[]) and committed_at is not null and first_lsn is not null

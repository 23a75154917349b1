-- Whether the statistics of the ledger and of the contacts know that an association
-- has many rows.
select count(*) = 2
from pg_catalog.pg_stats
where schemaname = 'rollcall_state' and tablename in ('ledger', 'contact') and attname = 'association'
  and $1 = any(most_common_vals::text::text[])

-- Takes addresses off the queue at the versions that were read: a row that was
-- touched since stays.
delete from rollcall_state.dirty d
using unnest($3::text[], $4::bigint[]) as x (address, version)
where d.source = $1 and d.association = $2 and d.address = x.address and d.version = x.version

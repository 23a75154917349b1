-- Who was refused 49 hours ago and was not tried again since; the vendor flags
-- an address that it is sent too often for 48 hours.
insert into rollcall_state.dirty as d (source, association, address, touched_at)
select source, association, address, $3::timestamptz
from rollcall_state.contact
where source = $1 and association = $2 and refused_at <= $3::timestamptz - interval '49 hours' and retried_at is null
on conflict (source, association, address) do update set version = d.version + 1, not_before = null

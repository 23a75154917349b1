-- A contact that was there and was refused before is not refused any more. The
-- arrays are one row for each address.
insert into rollcall_state.contact as c (source, association, address, contact_id, state, read_at, refused_at, lists)
select $1, $2, x.*
from unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::integer[]) as x (address, contact_id, state, read_at, refused_at, lists)
on conflict (source, association, address) do update
set contact_id = case when excluded.contact_id <> '' then excluded.contact_id else c.contact_id end,
    state = excluded.state, read_at = excluded.read_at, lists = excluded.lists, unshown = false,
    refused_fields = case when excluded.refused_at is null then '' when c.refused_at is null then c.fields else c.refused_fields end,
    refused_at = case when excluded.refused_at is null then null else coalesce(c.refused_at, excluded.refused_at) end,
    retried_at = case when excluded.refused_at is null then null else c.retried_at end

insert into rollcall_state.contact as c (source, association, address, contact_id, state, read_at, fields_rep, fields, lists)
select p.source, p.association, i.address, p.contact_id, p.state, $2::timestamptz, p.fields_rep, p.fields, p.lists
from rollcall_state.intent i
join rollcall_state.activity a on a.id = i.activity
join rollcall_state.contact p on p.source = a.source and p.association = a.association and p.address = i.from_address
where i.activity = $1
on conflict (source, association, address) do update
set contact_id = excluded.contact_id, state = excluded.state, read_at = excluded.read_at,
    fields_rep = excluded.fields_rep, fields = excluded.fields, lists = excluded.lists, unshown = false

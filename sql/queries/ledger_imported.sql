insert into rollcall_state.contact as c (source, association, address, imported_at)
select distinct a.source, a.association, i.address, array[a.created_at]
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1
on conflict (source, association, address) do update
set imported_at = array(select t from unnest(c.imported_at || excluded.imported_at) as t where t > $2::timestamptz - interval '24 hours')

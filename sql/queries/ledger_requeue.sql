-- The people of an activity are planned again.
insert into rollcall_state.dirty as d (source, association, address, touched_at, not_before)
select distinct a.source, a.association, i.address, $2::timestamptz, $3::timestamptz
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
where i.activity = $1
on conflict (source, association, address) do update
set version = d.version + 1, not_before = excluded.not_before

-- The people of an activity are planned again, for the same run and with the
-- same exact lists, not before $3. With $4 those for whom the activity did all they
-- wanted of it are due at once. Whoever was touched since the activity was put on
-- record, maybe by an opt-out, is due already and stays so.
insert into rollcall_state.dirty as d (source, association, address, touched_at, not_before, run, exact, committed_at, first_lsn, last_lsn)
select a.source, a.association, i.address, $2::timestamptz,
       case when not $4::boolean or bool_or(i.list <> '' and not coalesce(l.confirmed, false)) then $3::timestamptz end, max(i.run),
       coalesce(array_agg(i.list) filter (where i.exact), '{}'), min(i.committed_at), min(i.first_lsn), max(i.last_lsn)
from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
left join rollcall_state.ledger l on l.source = a.source and l.association = a.association and l.list = i.list and l.address = i.address
where i.activity = $1
group by a.source, a.association, i.address
on conflict (source, association, address) do update
set version = d.version + 1,
    not_before = case when d.not_before is not null or d.touched_at <= (select created_at from rollcall_state.activity where id = $1) then excluded.not_before end,
    run = coalesce(d.run, excluded.run),
    committed_at = least(d.committed_at, excluded.committed_at),
    first_lsn = least(d.first_lsn, excluded.first_lsn), last_lsn = greatest(d.last_lsn, excluded.last_lsn),
    exact = array(select unnest(d.exact) union select unnest(excluded.exact))

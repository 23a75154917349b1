-- The state after the first sync of association 1, and a year of calls: whoever
-- belongs on a list is on it.
insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('chamber', '0/1', '2026-06-30 03:00Z', '2026-06-30 03:00Z');
insert into rollcall_state.rep_seen (source, association, rep, address, opted_out)
select 'chamber', '1', rep_id::text, lower(btrim(email, E' \t\n\r\f\x0b')), opted_out
from chamber.rep where email ~ '^\s*[^@\s,;]+@[^@\s,;]+\.[^@\s,;.]+\s*$' order by rep_id;
insert into rollcall_state.rep_now (source, association, rep, address)
select source, association, rep, address from rollcall_state.rep_seen;
insert into rollcall_state.contact (source, association, address, contact_id, state, read_at)
select distinct source, association, address, 'c-' || address, 'active', '2026-06-30 03:05Z'::timestamptz from rollcall_state.rep_seen;
insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
select 'chamber', '1', 'all_active', 'all_active', '', 'All Active and Courtesy Representatives', 'l-all', 'bound', false, '2026-06-01Z'::timestamptz
union all select 'chamber', '1', 'type:' || name, 'type', name, name, 'l-type-' || name, 'bound', false, '2026-06-01Z' from chamber.membership_type
union all select 'chamber', '1', 'group:' || group_id, 'group', group_id::text, name, 'l-group-' || group_id, 'bound', false, '2026-06-01Z' from chamber.rep_group where sync;
insert into rollcall_state.ledger (source, association, list, address, told, told_at, confirmed, seen, shown, shown_at)
select 'chamber', '1', x.list, x.address, 'add', '2026-06-02Z', true, true, 'on', '2026-06-30 03:05Z'
from (
    select distinct 'all_active' as list, s.address
    from rollcall_state.rep_seen s join rollcall.reps r on r.rep_id = s.rep::bigint
    where r.active and r.member_status in ('active', 'courtesy') and not r.opted_out
    union
    select 'type:' || t, s.address
    from rollcall_state.rep_seen s join rollcall.reps r on r.rep_id = s.rep::bigint, unnest(r.membership_types) as t
    where r.active and r.member_status in ('active', 'courtesy') and not r.opted_out
    union
    select 'group:' || m.group_id, s.address
    from rollcall_state.rep_seen s join chamber.rep r on r.rep_id = s.rep::bigint
    join chamber.group_membership m on m.rep_id = r.rep_id join chamber.rep_group g on g.group_id = m.group_id
    where g.sync and not m.disabled and not r.opted_out
) x;
insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at, sent_at, ended_at, outcome)
select 'chamber', '1', 'import', '{l-all}', 100, 'ended', '2026-01-01Z'::timestamptz + n * interval '1 hour', null, null, 'completed' from generate_series(1, 2000) n;
insert into rollcall_state.intent (activity, list, address, op)
select 1 + (row_number() over (order by address, list)) % 2000, list, address, 'add' from rollcall_state.ledger;
insert into rollcall_state.approval (source, association, list, kind, state, asked_at)
values ('chamber', '1', 'all_active', 'left_behind', 'rejected', '2026-06-02Z');
insert into rollcall_state.approval_pair (approval, source, association, list, address, op)
select 1, source, association, list, address, 'remove' from rollcall_state.ledger where list = 'all_active';
analyze;

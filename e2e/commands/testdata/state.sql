-- A small association after its first sync, and what people did since. All
-- times are before noon of 2026-06-30, which is when the commands run.
insert into chamber.association (association_id, name) overriding system value values (1, 'Harbour Chamber');
insert into chamber.sync_options (association_id, sync_all_active, sync_membership_types, sync_groups) values (1, true, true, true);
insert into chamber.membership_type (membership_type_id, association_id, name) overriding system value values (1, 1, 'Full Member');
insert into chamber.member (member_id, association_id, name, status) overriding system value values
    (1, 1, 'Harbour Cafe', 'active'), (2, 1, 'Old Mill', 'dropped');
insert into chamber.member_type values (1, 1, 1), (1, 2, 1);
insert into chamber.rep_group (group_id, association_id, name, sync) overriding system value values
    (10, 1, 'Board', true), (11, 1, 'Newsletter', true), (12, 1, 'Golf', false), (13, 1, 'Twins', true), (14, 1, 'Twins', true), (15, 1, 'Young', true);
insert into chamber.rep (rep_id, association_id, member_id, first_name, last_name, email, active, opted_out) overriding system value values
    (1, 1, 1, 'Ann', 'Smith', 'Ann@example.org', true, false),
    (2, 1, 1, 'Ben', 'New', 'ben@example.org', true, false),
    (3, 1, 1, 'Cleo', 'Past', 'cleo@example.org', false, false),
    (4, 1, 1, 'Dora', 'Out', 'dora@example.org', true, true),
    (5, 1, 1, 'Eva', 'Unsubscribed', 'eva@example.org', true, false),
    (6, 1, 1, 'Finn', 'Left', 'finn@example.org', true, false),
    (7, 1, 1, 'Gus', 'Twice', 'gus@example.org; gus@example.com', true, false),
    (8, 1, 1, 'Hana', 'None', '', true, false),
    (9, 1, 1, 'Ivo', 'Disabled', 'ivo@example.org', true, false),
    (10, 1, 1, 'Jon', 'Removed', 'jon@example.org', true, false),
    (11, 1, 1, 'Kim', 'Deleted', 'kim@example.org', true, false),
    (12, 1, 1, 'Lea', 'Moved', 'lea.new@example.org', true, false),
    (13, 1, 1, 'Max', 'Refused', 'max@example.org', true, false),
    (14, 1, 2, 'Nina', 'Dropped', 'nina@example.org', true, false),
    (15, 1, 1, 'Olaf', 'Open', 'olaf@example.org', true, false),
    (16, 1, 1, '=HYPERLINK("x")', '+Pia', 'pia@example.org', true, false),
    (17, 1, 1, 'Quin', 'Formula', '+quin@example.org', true, false);
insert into chamber.group_membership (association_id, group_id, rep_id, disabled)
select 1, 10, rep_id, rep_id = 9 from chamber.rep where rep_id <> 10
union all select 1, 11, rep_id, false from chamber.rep where rep_id in (1, 3, 14)
union all select 1, 12, rep_id, false from chamber.rep where rep_id in (1, 2);

insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('chamber', '0/1', '2026-06-30 03:00Z', '2026-06-30 03:00Z');
insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at) values
    ('chamber', '1', 'all_active', 'all_active', '', 'All Active and Courtesy Representatives', 'l-all', 'bound', false, '2026-06-01Z'),
    ('chamber', '1', 'type:Full Member', 'type', 'Full Member', 'Full Member', 'l-full', 'bound', false, '2026-06-01Z'),
    ('chamber', '1', 'group:10', 'group', '10', 'Board', 'l-board', 'bound', false, '2026-06-01Z'),
    ('chamber', '1', 'group:11', 'group', '11', 'Newsletter', 'l-news', 'bound', false, '2026-06-01Z');
-- Everybody but Ben was on every list of theirs.
insert into rollcall_state.rep_seen (source, association, rep, address, opted_out)
select 'chamber', '1', rep_id::text, case rep_id when 12 then 'lea.old@example.org' else lower(email) end, false
from chamber.rep where rep_id not in (2, 7, 8) order by rep_id;
insert into rollcall_state.rep_now (source, association, rep, address)
select source, association, rep, address from rollcall_state.rep_seen;
insert into rollcall_state.contact (source, association, address, contact_id, state, read_at)
select source, association, address, 'c-' || rep, 'active', '2026-06-30 11:00Z' from rollcall_state.rep_seen;
insert into rollcall_state.ledger (source, association, list, address, told, told_at, confirmed, seen, shown, shown_at)
select s.source, s.association, l.key, s.address, 'add', '2026-06-02Z', true, true, 'on', '2026-06-30 03:05Z'
from rollcall_state.rep_seen s, rollcall_state.list l
where l.key <> 'group:11' or s.rep in ('1', '3', '14');
insert into rollcall_state.ledger (source, association, list, address, shown, shown_at) values
    ('chamber', '1', 'group:10', 'zoe@example.net', 'on', '2026-06-30 03:05Z');

-- What Constant Contact showed since.
update rollcall_state.contact set state = 'unsubscribed', read_at = '2026-06-30 11:58Z' where address = 'eva@example.org';
update rollcall_state.ledger set shown = 'off', shown_at = '2026-06-30 11:58Z' where address = 'eva@example.org';
update rollcall_state.ledger set shown = 'off', shown_at = '2026-06-29 03:05Z', departed_at = '2026-06-29 03:06Z'
where address = 'finn@example.org' and list = 'group:10';
update rollcall_state.contact set state = 'deleted' where address = 'kim@example.org';
update rollcall_state.ledger set shown = 'off' where address = 'kim@example.org';
update rollcall_state.contact set contact_id = '', state = '', refused_at = '2026-06-30 10:00Z' where address = 'max@example.org';
delete from rollcall_state.ledger where address = 'max@example.org';
update rollcall_state.ledger set confirmed = false, shown = '', seen = false, told_at = '2026-06-30 11:59Z' where address = 'olaf@example.org';
-- A question waits: Nina's member dropped out, and more would go than goes without asking.
insert into rollcall_state.approval (source, association, list, kind, state, asked_at, expires_at) values
    ('chamber', '1', 'all_active', 'removals', 'waiting', '2026-06-30 06:00Z', '2026-07-01 06:00Z'),
    ('chamber', '1', 'group:10', 'removals', 'rejected', '2026-06-20 06:00Z', '2026-06-21 06:00Z');
update rollcall_state.approval set decided_at = '2026-06-20 08:00Z', decided_by = 'carla' where id = 2;
insert into rollcall_state.approval_pair (approval, source, association, list, address, op, reason, rep) values
    (1, 'chamber', '1', 'all_active', 'nina@example.org', 'remove', 'member_not_active', '14'),
    (2, 'chamber', '1', 'group:10', 'jon@example.org', 'remove', 'not_in_group', '10');
-- Calls of the past.
insert into rollcall_state.activity (id, source, association, kind, list_ids, people, state, created_at, sent_at, ended_at, outcome) overriding system value values
    (1, 'chamber', '1', 'import', '{l-all,l-full,l-board}', 14, 'ended', '2026-06-02Z', '2026-06-02Z', '2026-06-02 00:01Z', 'completed'),
    (2, 'chamber', '1', 'import', '{l-all,l-full,l-board}', 1, 'sent', '2026-06-30 11:59Z', '2026-06-30 11:59Z', null, null);
insert into rollcall_state.intent (activity, list, address, op, rep)
select case address when 'olaf@example.org' then 2 else 1 end, list, address, 'add', '' from rollcall_state.ledger where told = 'add' and list <> 'group:11';
update rollcall_state.ledger set activity = 2 where address = 'olaf@example.org';
-- Runs of the past.
insert into rollcall_state.run (id, source, association, kind, lists, asked_by, state, started_at, ended_at, counts) overriding system value values
    (1, 'chamber', '1', 'reconcile', '{}', 'schedule', 'done', '2026-06-29 03:00Z', '2026-06-29 03:04:30Z', '{"foreign": 1}'),
    (2, 'chamber', '1', 'nightly', '{all_active}', 'schedule', 'done', '2026-06-30 03:00Z', '2026-06-30 03:06Z', '{}');
insert into rollcall_state.run_count (run, what, reason, n) values
    (1, 'checked', '', 17), (1, 'added', '', 3), (1, 'inactivated', 'rep_inactive', 2), (1, 'held', 'member_not_active', 1),
    (2, 'checked', '', 17), (2, 'refused', 'refused_by_constant_contact', 1);
analyze;

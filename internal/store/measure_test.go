package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall/internal/store"
)

// measured is a group as lines, in order.
func measured(t *testing.T, a *store.Association, group string) []string {
	t.Helper()
	var lines []string
	for _, m := range must[[]store.Measure](t)(a.Measure(t.Context(), group)) {
		lines = append(lines, fmt.Sprintf("%s %s %s %v", m.Metric, m.Association, strings.Join(m.Labels, ","), m.Value))
	}
	slices.Sort(lines)
	return lines
}

// An empty state has nothing to show but its zeros.
func TestMeasuresOfAnEmptyState(t *testing.T) {
	a, _ := newAssociation(t)
	for _, group := range []string{
		store.MeasureQueue, store.MeasurePosition, store.MeasureActivities, store.MeasurePeople, store.MeasureQuestions, store.MeasureRuns,
		store.MeasureAccounts, store.MeasureKeys, store.MeasureLists,
	} {
		if lines := measured(t, a, group); len(lines) > 0 {
			t.Errorf("%s: %q", group, lines)
		}
	}
}

// Every number is what the state has, of this source and no other.
func TestMeasures(t *testing.T) {
	a, conn := newAssociation(t)
	// The clock of the store says noon.
	const at = `timestamptz '2026-06-30 12:00 UTC'`
	statements := strings.ReplaceAll(`
insert into rollcall_state.position (source, durable_lsn, saved_at, full_pass_at) values ('chamber', '0/1000', NOON, NOON - interval '1 hour'), ('another', '0/9', NOON, NOON);
insert into rollcall_state.touched (source, kind, via, key, xids, end_lsn, touched_at) values
	('chamber', 'rep', '', '{1}', '{}', '0/900', NOON - interval '7 s'), ('chamber', 'rep', '', '{2}', '{}', '0/0', NOON - interval '3 s'),
	('another', 'rep', '', '{1}', '{}', '0/1', NOON - interval '1 day');
insert into rollcall_state.dirty (source, association, address, touched_at, not_before, committed_at, first_lsn, last_lsn) values
	('chamber', '1', 'a@example.org', NOON - interval '20 s', null, NOON - interval '20 s', '0/800', '0/800'),
	('chamber', '1', 'b@example.org', NOON - interval '2 days', NOON + interval '1 s', null, null, null),
	('chamber', '2', 'a@example.org', NOON - interval '5 s', null, null, null, null),
	('another', '1', 'a@example.org', NOON - interval '9 days', null, NOON - interval '9 days', '0/1', '0/1');
insert into rollcall_state.activity (id, source, association, kind, list_ids, people, state, created_at) overriding system value values
	(1, 'chamber', '1', 'import', '{}', 1, 'sent', NOON - interval '50 s'), (2, 'chamber', '1', 'import', '{}', 1, 'ended', NOON - interval '1 day'),
	(3, 'chamber', '1', 'remove', '{}', 1, 'unknown', NOON - interval '10 s'), (4, 'another', '1', 'import', '{}', 1, 'sent', NOON - interval '1 day');
insert into rollcall_state.intent (activity, list, address, op, committed_at, first_lsn, last_lsn) values
	(1, 'group:1', 'c@example.org', 'add', NOON - interval '60 s', '0/700', '0/750'), (2, 'group:1', 'c@example.org', 'add', NOON - interval '1 day', '0/1', '0/1');
insert into rollcall_state.contact (source, association, address, state, refused_at) values
	('chamber', '1', 'a@example.org', 'unsubscribed', null), ('chamber', '1', 'b@example.org', 'unsubscribed', null), ('chamber', '1', 'c@example.org', 'active', NOON),
	('chamber', '1', 'd@example.org', 'temp_hold', null), ('another', '1', 'a@example.org', 'deleted', null);
insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at) values
	('chamber', '1', 'group:1', 'group', '1', 'Board', 'l1', 'bound', false, NOON), ('chamber', '1', 'group:2', 'group', '2', 'Golf', 'l2', 'missing', false, NOON);
insert into rollcall_state.ledger (source, association, list, address, told, confirmed, shown, departed_at) values
	('chamber', '1', 'group:1', 'a@example.org', 'add', true, 'on', null), ('chamber', '1', 'group:1', 'b@example.org', 'add', false, '', null),
	('chamber', '1', 'group:1', 'c@example.org', 'remove', true, 'off', null), ('chamber', '1', 'group:1', 'd@example.org', '', false, 'off', NOON),
	('chamber', '1', 'group:3', 'd@example.org', '', false, 'off', NOON);
insert into rollcall_state.rep_problem values ('chamber', '1', '7', 'source_unreadable', NOON);
insert into rollcall_state.approval (id, source, association, list, kind, state, asked_at, expires_at) overriding system value values
	(1, 'chamber', '1', 'group:1', 'removals', 'waiting', NOON - interval '30 s', NOON + interval '1 day'),
	(2, 'chamber', '1', 'group:2', 'removals', 'waiting', NOON - interval '2 days', NOON - interval '1 day'),
	(3, 'chamber', '1', 'group:1', 'left_behind', 'waiting', NOON - interval '40 s', null), (4, 'chamber', '1', 'group:1', 'foreign', 'approved', NOON, null);
insert into rollcall_state.approval_pair (approval, source, association, list, address, op, ended) values
	(1, 'chamber', '1', 'group:1', 'a@example.org', 'remove', ''), (1, 'chamber', '1', 'group:1', 'b@example.org', 'remove', ''),
	(1, 'chamber', '1', 'group:1', 'c@example.org', 'remove', 'done'), (2, 'chamber', '1', 'group:2', 'a@example.org', 'remove', '');
insert into rollcall_state.alarm values ('chamber', '1', 'shrank', '', NOON);
insert into rollcall_state.run (id, source, association, kind, lists, asked_by, state, started_at, ended_at) overriding system value values
	(1, 'chamber', '1', 'reconcile', '{}', 'schedule', 'done', NOON, timestamptz 'epoch' + interval '100 s'),
	(2, 'chamber', '1', 'reconcile', '{}', 'schedule', 'done', NOON, timestamptz 'epoch' + interval '200 s'),
	(3, 'chamber', '1', 'reconcile', '{}', 'schedule', 'failed', NOON, timestamptz 'epoch' + interval '300 s'),
	(4, 'chamber', '1', 'nightly', '{}', 'schedule', 'running', NOON, null);
insert into rollcall_state.run_count values (1, 'added', '', 99), (2, 'added', 'x', 3), (2, 'added', 'y', 1), (2, 'inactivated', '', 2), (2, 'checked', '', 500);
insert into rollcall_state.connection (source, association, api_key, account_id, account_name, state, state_since, connected_at, connected_by) values
	('chamber', '1', 'main', 'x', 'X', 'connected', NOON, NOON, 'olive'), ('chamber', '2', 'main', 'y', 'Y', 'needs_reconnecting', NOON, NOON, 'olive');
insert into rollcall_state.token values ('chamber', '1', '', '', timestamptz 'epoch' + interval '400 s', 1, NOON), ('chamber', '2', '', '', NOON, 1, NOON);
insert into rollcall_state.lease (key, holder, serves, token, held_since, expires_at) values
	('api_key/main', 'one', 'x', 3, NOON, timestamptz 'epoch' + interval '500 s'), ('api_key/free', '', 'x', 8, NOON, NOON);
insert into rollcall_state.budget values ('api_key/main', date '2026-06-30', 120, null), ('api_key/main', date '2026-06-29', 9000, NOON), ('api_key/spent', date '2026-06-30', 1, NOON + interval '1 h');
insert into rollcall_state.budget_share values ('api_key/main', date '2026-06-30', 'chamber', '1', 100, 7), ('api_key/main', date '2026-06-30', 'another', '1', 20, 4);
`, "NOON", at)
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string][]string{
		store.MeasureQueue: {
			"oldest_touched_seconds   7", "oldest_unapplied_seconds 1  60", "oldest_unplanned_seconds 1  20", "oldest_unplanned_seconds 2  5",
			"queue_addresses 1 ready 1", "queue_addresses 1 waiting 1", "queue_addresses 2 ready 1", "touched_keys  rep 2",
		},
		store.MeasurePosition:   {"full_pass_timestamp_seconds   1.7828172e+09", "position_bytes  applied 1792", "position_bytes  durable 4096"},
		store.MeasureActivities: {"activities_open 1 sent 1", "activities_open 1 unknown 1", "activity_oldest_open_seconds 1  50"},
		store.MeasurePeople: {
			"people_kept_off 1 left_list_in_constant_contact 1", "people_kept_off 1 on_hold_in_constant_contact 1", "people_kept_off 1 refused_by_constant_contact 1",
			"people_kept_off 1 unsubscribed_in_constant_contact 2", "reps_unusable 1 source_unreadable 1",
		},
		store.MeasureQuestions: {
			"held_ops 1 removals,remove 2", "question_oldest_seconds 1 left_behind 40", "question_oldest_seconds 1 removals 30",
			"questions_waiting 1 left_behind 1", "questions_waiting 1 removals 1", "source_alarms 1 shrank 1",
		},
		store.MeasureRuns: {
			"reconcile_drift_pairs 1 extra 2", "reconcile_drift_pairs 1 missing 4", "run_last_failure_timestamp_seconds 1 reconcile 300", "run_last_success_timestamp_seconds 1 reconcile 200", "runs_open 1 nightly 1",
		},
		store.MeasureAccounts: {"connection_state 1 connected 1", "connection_state 2 needs_reconnecting 1", "token_expiry_timestamp_seconds 1  400"},
		store.MeasureKeys: {
			"api_calls_today  api_key/main 120", "api_calls_today  api_key/spent 1", "api_day_closed  api_key/spent 1", "api_opt_out_calls_today  api_key/main 11",
			"lease_expiry_timestamp_seconds  api_key/main 500", "lease_takeovers  api_key/free 8", "lease_takeovers  api_key/main 3",
		},
		store.MeasureLists: {"list_people 1 group,group:1 2", "list_people 1 group,group:2 0", "lists 1 group,bound 1", "lists 1 group,missing 1"},
	} {
		if got := measured(t, a, group); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", group, got, want)
		}
	}
}

package cdc_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

// Member tables are changed while they are followed. Keys go on arriving as they
// are in the new table, and the other tables are not concerned.
func TestReaderFollowsAChangedTable(t *testing.T) {
	for name, c := range map[string]struct {
		change []string
		want   []string // besides what waitFor touches
	}{
		"key of another type": {
			[]string{"alter table public.rep alter column rep_id type text using 'r' || rep_id", "insert into public.rep values ('r2')"},
			[]string{"rep 1", "rep r2"},
		},
		"columns before the key": {
			[]string{"alter table public.rep add column first text default 'x', drop column member_id, drop column note", "update public.rep set first = 'y'"},
			[]string{"rep 1"},
		},
		"another key": {
			[]string{
				"alter table public.rep drop constraint rep_pkey", "alter table public.rep add column id integer generated always as identity primary key",
				"insert into public.rep (rep_id) values (2)", "update public.rep set note = 'x' where rep_id = 1",
			},
			[]string{"rep 1", "rep 2"},
		},
		"renamed key column": {
			[]string{"alter table public.rep rename column rep_id to person_id", "insert into public.rep values (2)"},
			[]string{"all", "rep 1"},
		},
		"renamed table": {
			[]string{"alter table public.rep rename to person", "insert into public.person values (2)"},
			[]string{"rep 1", "rep 2"},
		},
		"another schema": {
			[]string{"create schema other", "alter table public.rep set schema other", "insert into other.rep values (2)"},
			[]string{"rep 1", "rep 2"},
		},
		"dropped table": {
			[]string{"insert into public.rep values (2)", "drop table public.rep"},
			[]string{"rep 1", "rep 2"},
		},
		"dropped and made again": {
			[]string{
				"drop table public.rep", "create table public.rep (note text, rep_id bigint primary key)",
				"alter publication rollcall add table public.rep", "insert into public.rep values ('x', 2)",
			},
			[]string{"rep 1", "rep 2"},
		},
		"taken out of the publication and back": {
			[]string{"alter publication rollcall drop table public.rep", "alter publication rollcall add table public.rep", "insert into public.rep values (2)"},
			[]string{"rep 1", "rep 2"},
		},
		"truncated": {[]string{"truncate public.rep", "insert into public.rep values (2)"}, []string{"all", "rep 1", "rep 2"}},
		"rewritten": {[]string{"alter table public.rep add column at timestamptz default clock_timestamp()", "cluster public.rep using rep_pkey", "vacuum full public.rep"}, []string{"rep 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMember(t)
			m.read(t, nil)
			m.exec(t, "insert into public.rep values (1)")
			m.store.waitFor(t, m)
			m.exec(t, c.change...)
			m.store.waitFor(t, m)
			want := append([]string{"member -1"}, c.want...)
			slices.Sort(want)
			if got := m.store.keys(); !slices.Equal(got, want) {
				t.Errorf("touched %q, want %q", got, want)
			}
		})
	}
}

// A renamed table is followed under its old name, and told of: after a start
// nobody knows what it was called.
func TestReaderTellsOfARenamedTable(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)")
	m.store.waitFor(t, m)
	m.exec(t, "alter table public.rep rename to person", "insert into public.person values (2)")
	m.store.waitFor(t, m)
	m.exec(t, "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '"+m.slot+"'", "insert into public.person values (3)")
	m.store.waitFor(t, m)
	m.store.wantReps(t, 3)
	if log := r.log.String(); strings.Count(log, "was renamed") != 1 || !strings.Contains(log, "watched=public.rep table=public.person") {
		t.Errorf("the log: %s", log)
	}
}

// What was written before a table was renamed comes under its old name, although the
// reader begins after that.
func TestReaderBeginsAfterATableWasRenamed(t *testing.T) {
	m := newMember(t)
	m.exec(t, "insert into public.rep values (1), (2)", "alter table public.rep rename to person", "insert into public.person values (3)")
	r := m.read(t, nil)
	m.store.waitFor(t, m)
	m.store.wantReps(t, 3)
	if log := r.log.String(); strings.Count(log, "was renamed") != 1 {
		t.Errorf("the log: %s", log)
	}
}

// Partitions come and go as their parent, with what is written while they are
// part of it. What a partition had before is seen by nobody: no row is written.
//
// Postgres 14 remembers for as long as a connection lasts that a table is not
// published which it met before it became a partition.
func TestReaderFollowsPartitions(t *testing.T) {
	m := newDatabase(t, pgtest.Database(t).URL)
	m.exec(t, "drop table public.rep",
		"create table public.rep (rep_id integer primary key, note text) partition by range (rep_id)",
		"create table public.rep_low partition of public.rep for values from (0) to (100)",
		publication+" with (publish_via_partition_root = true)",
		"create table public.rep_high (rep_id integer primary key, note text)", "insert into public.rep_high values (101)")
	if _, err := cdc.Prepare(t.Context(), m.Conn, m.slot, "rollcall"); err != nil {
		t.Fatal(err)
	}
	m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)", "insert into public.rep_high values (102)",
		"alter table public.rep attach partition public.rep_high for values from (100) to (200)",
		"insert into public.rep values (103), (2)", "insert into public.rep_high values (104)",
		"update public.rep set rep_id = 105 where rep_id = 1", // moves to the other partition
		"alter table public.rep detach partition public.rep_high", "insert into public.rep_high values (106)", "insert into public.rep values (3)",
		"truncate public.rep_high")
	m.store.waitFor(t, m)
	want := []string{"member -1", "rep 1", "rep 103", "rep 104", "rep 105", "rep 2", "rep 3"}
	if major(t) == 14 {
		want = []string{"member -1", "rep 1", "rep 2", "rep 3"}
	}
	if got := m.store.keys(); !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
	m.exec(t, "alter table public.rep attach partition public.rep_high for values from (100) to (200)",
		"select pg_terminate_backend(active_pid, 10000) from pg_replication_slots where slot_name = '"+m.slot+"'", "insert into public.rep values (107)")
	m.store.waitFor(t, m)
	if !slices.Contains(m.store.keys(), "rep 107") {
		t.Errorf("touched %q on a new connection, want rep 107", m.store.keys())
	}
	m.exec(t, "truncate public.rep_low")
	m.store.waitFor(t, m)
	if slices.Contains(m.store.keys(), "all") {
		t.Error("a TRUNCATE of a partition by itself is on the stream: then run need not look for it")
	}
	m.exec(t, "truncate public.rep")
	m.store.waitFor(t, m)
	if !slices.Contains(m.store.keys(), "all") {
		t.Error("a TRUNCATE of the parent was not noticed")
	}
}

// Without its publication the stream stops, loudly; what came before is stored.
func TestReaderEndsWithoutItsPublication(t *testing.T) {
	m := newMember(t)
	r := m.read(t, nil)
	m.exec(t, "insert into public.rep values (1)", "drop publication rollcall", "insert into public.rep values (2)")
	r.wantEnd(t, cdc.ErrPublicationMissing)
	if got := m.store.keys(); !slices.Equal(got, []string{"rep 1"}) && len(got) > 0 {
		t.Errorf("touched %q", got)
	}
}

// A column list holds its columns: the server refuses what docs/dba.md says it does.
func TestServerHoldsListedColumns(t *testing.T) {
	if major(t) == 14 {
		t.Skip("no column lists")
	}
	m := newDatabase(t, pgtest.Database(t).URL)
	m.exec(t, "create publication rollcall for table public.rep (rep_id, member_id)")
	for statement, code := range map[string]string{"alter table public.rep alter rep_id type bigint": "0A000", "alter table public.rep drop column member_id": "2BP01"} {
		var pgErr *pgconn.PgError
		if _, err := m.Exec(t.Context(), statement); !errors.As(err, &pgErr) || pgErr.Code != code {
			t.Errorf("%s: %v, want SQLSTATE %s", statement, err, code)
		}
	}
	m.exec(t, "alter table public.rep drop column member_id cascade")
	if got := m.text(t, "select count(*)::text from pg_publication_tables"); got != "0" {
		t.Errorf("%s tables are published, want none", got)
	}
}

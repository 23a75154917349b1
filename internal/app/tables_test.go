package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"rollcall/cdc"
	"rollcall/sql"
)

// wantLines wants a log of so many lines, with each of the texts once.
func wantLines(t *testing.T, when, log string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if strings.Count(log, line) != 1 {
			t.Errorf("%s: the log has not once %q: %s", when, line, log)
		}
	}
	if n := strings.Count(log, "\n"); n != len(lines) {
		t.Errorf("%s: %d lines: %s", when, n, log)
	}
}

// A table whose identity is changed while the program runs is told of once, with
// the statement that helps the application; and so is one that is not published.
func TestPublishedTablesAreLookedAt(t *testing.T) {
	a, db := newTestApp(t)
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	told, seen := map[problem]bool{}, false
	look := func(when string, refusing int, lines ...string) {
		t.Helper()
		log.Reset()
		seen = false
		for range 2 {
			again, err := a.lookAtTables(t.Context(), told)
			if err != nil {
				t.Fatal(err)
			}
			seen = seen || again
		}
		wantLines(t, when, log.String(), lines...)
		const name = "rollcall_tables_refusing_updates"
		want := "# HELP " + name + " Published tables on which the member application's own UPDATE and DELETE fail, because of their replica identity.\n" +
			"# TYPE " + name + " gauge\n" + name + " " + string(rune('0'+refusing)) + "\n"
		if err := testutil.GatherAndCompare(a.watched.registry, strings.NewReader(want), name); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	look("at first", 0)
	db.Exec(t, "alter table chamber.rep replica identity nothing")
	look("without identity", 1, `table=chamber.rep sqlstate=55000 statement="alter publication \"rollcall\" drop table only chamber.rep"`)
	db.Exec(t, `alter publication "rollcall" drop table only chamber.rep`)
	look("taken out", 0, `in order again" table=chamber.rep`, `is not in the publication, or not with all of its changes, so those are not noticed; run sql/contract/04_publication.sql again" table=chamber.rep`)
	db.Exec(t, "alter table chamber.rep replica identity default; alter publication rollcall add table chamber.rep")
	if seen {
		t.Error("taken out, its changes are said to be noticed again")
	}
	look("put back", 0, `in order again" table=chamber.rep`)
	if !seen {
		t.Error("what changed while the table was not published is not looked for")
	}
}

// A trigger that somebody switched off, and a partition that came without, are told
// of once, and counted.
func TestTriggersAreLookedAt(t *testing.T) {
	a, db := newTestApp(t)
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	told, seen := map[problem]bool{}, false
	look := func(when string, wrong float64, lines ...string) {
		t.Helper()
		log.Reset()
		seen = false
		for range 2 {
			again, err := a.lookAtTriggers(t.Context(), told)
			if err != nil {
				t.Fatal(err)
			}
			seen = seen || again
		}
		wantLines(t, when, log.String(), lines...)
		const name = "rollcall_tables_not_captured"
		if n, err := testutil.GatherAndCount(a.watched.registry, name); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		families, err := a.watched.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == name && f.GetMetric()[0].GetGauge().GetValue() != wrong {
				t.Errorf("%s: %v tables are counted, want %v", when, f.GetMetric()[0].GetGauge().GetValue(), wrong)
			}
		}
	}
	db.Exec(t, sql.ByTriggers(sql.Contract())[3])
	look("at first", 0)
	db.Exec(t, "alter table chamber.rep disable trigger rollcall_update; drop trigger rollcall_delete on chamber.member")
	look("afterwards", 2, `table=chamber.rep statement="select rollcall.make_triggers()"`, `table=chamber.member statement="select rollcall.make_triggers()"`)
	db.Exec(t, "select rollcall.make_triggers()")
	look("made again", 0, `in order again" table=chamber.rep`, `in order again" table=chamber.member`)
	if !seen {
		t.Error("what changed without the triggers is not looked for")
	}
}

// Rows that come or go with a partition are on no stream.
func TestPartitionsAreLookedAt(t *testing.T) {
	a, db := newTestApp(t)
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	watches := append([]cdc.Watch{{Table: "chamber.visit", Keys: []string{"rep_id"}, Kind: cdc.KindRep}}, *a.watches.Load()...)
	a.watches.Store(&watches)
	db.Exec(t, `create table chamber.visit (rep_id bigint, year integer, primary key (rep_id, year)) partition by list (year);
		create table chamber.visit_1 partition of chamber.visit for values in (1); create table chamber.visit_2 (like chamber.visit including all);
		insert into chamber.visit values (1, 1); insert into chamber.visit_2 values (2, 2)`)
	var parts map[string]bool
	for _, step := range []struct {
		do   string
		want bool
	}{
		{"", false},
		{"insert into chamber.visit values (3, 1)", false},
		{"create table chamber.visit_3 partition of chamber.visit for values in (3)", false},
		{"alter table chamber.visit attach partition chamber.visit_2 for values in (2)", true},
		{"truncate chamber.visit_1", true},
		{"alter table chamber.visit detach partition chamber.visit_2", true},
		{"drop table chamber.visit_3", false},
	} {
		if step.do != "" {
			db.Exec(t, step.do)
		}
		log.Reset()
		now, moved, err := a.lookAtParts(t.Context(), parts)
		if err != nil || moved != step.want || strings.Contains(log.String(), "a partition of a watched table") != step.want {
			t.Errorf("%q: %v, want %v; %v, %s", step.do, moved, step.want, err, &log)
		}
		parts = now
	}
}

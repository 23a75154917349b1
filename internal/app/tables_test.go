package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

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
	told := map[problem]bool{}
	look := func(when string, refusing int, lines ...string) {
		t.Helper()
		log.Reset()
		for range 2 {
			if err := a.lookAtTables(t.Context(), told); err != nil {
				t.Fatal(err)
			}
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
	look("taken out", 0, `in order again" table=chamber.rep`, `is not in the publication, so its changes are not noticed; run sql/contract/04_publication.sql again" table=chamber.rep`)
	db.Exec(t, "alter table chamber.rep replica identity default; alter publication rollcall add table chamber.rep")
	look("put back", 0, `in order again" table=chamber.rep`)
}

// A trigger that somebody switched off, and a partition that came without, are told
// of once, and counted.
func TestTriggersAreLookedAt(t *testing.T) {
	a, db := newTestApp(t)
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	told := map[problem]bool{}
	look := func(when string, wrong float64, lines ...string) {
		t.Helper()
		log.Reset()
		for range 2 {
			if err := a.lookAtTriggers(t.Context(), told); err != nil {
				t.Fatal(err)
			}
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
}

package check_test

import (
	"context"
	"testing"
	"time"

	"rollcall/internal/check"
	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/sql"
)

// A check that is broken off says so, and does not look as if all were well.
func TestCheckBrokenOff(t *testing.T) {
	in := install(t)
	ctx, cancel := context.WithCancel(context.Background())
	in.cfg.Now = func() time.Time {
		cancel() // when the clocks are compared
		return time.Now()
	}
	report := check.Run(ctx, in.cfg)
	if n := len(report.Findings); n == 0 || report.Findings[n-1].Name != "check_stopped" && report.Findings[0].Name != "check_stopped" {
		t.Errorf("found %+v, want check_stopped", report.Findings)
	}
	if report.Errors == 0 {
		t.Error("no error is counted")
	}
}

func TestReportCountsAndSorts(t *testing.T) {
	in := install(t)
	in.cfg.Connections = nil // a warning about Constant Contact
	in.Exec(t, "drop publication rollcall")
	in.Exec(t, "select pg_drop_replication_slot($1)", in.slot)
	report := check.Run(t.Context(), in.cfg)
	var got []string
	for _, f := range report.Findings {
		if f.Name != "whole_rows_published" {
			got = append(got, string(f.Severity)+" "+f.Name)
		}
	}
	want := []string{"error publication_missing", "note slot_missing", "warning no_connection"}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || report.Errors != 1 || report.Warnings != 1 || report.Notes != 1 {
		t.Errorf("%d errors, %d warnings, %d notes: %v, want %v", report.Errors, report.Warnings, report.Notes, got, want)
	}
}

// A database that is new has nothing wrong with it.
func TestEmptyReferenceHasNoFindings(t *testing.T) {
	db := pgtest.Database(t)
	conn := db.Conn(t)
	run(t, conn, sql.Reference()[0])
	in := &installation{DB: db, t: t, slot: pgtest.Slot(t)}
	if _, err := setup.Apply(t.Context(), conn, setup.Contract{Slot: in.slot}); err != nil {
		t.Fatal(err)
	}
	in.cfg = check.Config{
		Source: as(t, db.URL, "rollcall"), Name: "chamber", Slot: in.slot, Publication: "rollcall", KeepRemoved: true, Now: time.Now,
		Connections: []check.Connection{{Association: "1"}},
	}
	in.want()
}

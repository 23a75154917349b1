package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newTestApp is an App on a member database with the reference schema, that has
// no connection.
func newTestApp(t *testing.T) (*App, *pgtest.DB) {
	t.Helper()
	db := pgtest.Template(t, "reference", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(sql.Reference(), sql.Contract()...) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return nil
	})
	cfg := &config.Config{
		Source:  config.Source{Name: "chamber", URL: db.URL, Slot: pgtest.Slot(t), Publication: "rollcall"},
		State:   config.State{URL: db.URL},
		Console: config.Console{Listen: "off"},
	}
	a, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a, db
}

// A running program looks every minute whether its database is still the one on
// record: another process may have adopted another one.
func TestADatabaseAdoptedElsewhereEndsTheProgram(t *testing.T) {
	a, db := newTestApp(t)
	a.identity.every = 10 * time.Millisecond
	ended := make(chan error)
	go func() { ended <- a.watchIdentity(t.Context()) }()
	db.Exec(t, "update rollcall_state.installation set timeline = timeline + 1")
	if err := <-ended; !errors.Is(err, cdc.ErrOtherServer) {
		t.Errorf("it ends with %v", err)
	}
}

// No new session on another server is used, be it on the member database or on a
// state that fails over with it; and the program ends.
func TestSessionsOnAnotherServerAreRefused(t *testing.T) {
	a, _ := newTestApp(t)
	other := *a.identity.accepted.Load()
	other.Timeline++
	a.identity.accepted.Store(&other) // as if the server had been on another timeline until now
	a.member.Reset()
	a.state.Reset()
	for name, ping := range map[string]func(context.Context) error{"member database": a.member.Ping, "state": a.state.Ping} {
		if err := ping(t.Context()); !errors.Is(err, cdc.ErrOtherServer) {
			t.Errorf("a new session on the %s: %v", name, err)
		}
	}
	if err := a.watchIdentity(t.Context()); !errors.Is(err, cdc.ErrOtherServer) {
		t.Errorf("the program ends with %v", err)
	}
	a.cfg.Source.OnNewTimeline = config.OnNewTimelineContinue
	a.identity.other.set()
	if err := a.watchIdentity(t.Context()); !errors.Is(err, ErrAgain) {
		t.Errorf("with on_new_timeline: continue the program ends with %v", err)
	}
	a.identity.withState.Store(false)
	if err := a.state.Ping(t.Context()); err != nil {
		t.Errorf("a state elsewhere: %v", err)
	}
}

package e2e

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
)

// A commit waits for a synchronous stand-by: it is in the stream, and nobody can
// see it; a log of changes does not show it either. It is planned once it is visible, not before: what was read too early
// would be the old row, and the change lost. The state is on another server, or
// its own commits would wait too.
func TestACommitThatAStandbyHolds(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"synchronous_commit": "on"})
	w := newWorld(t, "small", fillSmall) // for its simulator
	admin := connectTo(t, server, "postgres")
	execute(t, admin, "create database chamber")
	w.db = &pgtest.DB{Name: "chamber", URL: server.URL("chamber")}
	w.member = w.db.Conn(t)
	must(t, contract(t.Context(), w.member))
	must(t, fillSmall(t.Context(), w.member))
	state := pgtest.Database(t)
	w.state = state.Conn(t)
	w.config = writeConfig(t, w.db.URL, pgtest.Slot(t), w.address)
	w.reconfigure(t, "constant_contact:", "state: {url: \""+state.URL+"\"}\nconstant_contact:")
	// In this process, so that a spoilt rule is part of it.
	cfg, err := config.Load(w.config)
	must(t, err)
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("planned stop: %v", err)
		}
		a.Close()
	})
	w.settle(t, time.Minute)

	execute(t, admin, "alter system set synchronous_standby_names = 'nobody'")
	execute(t, admin, "select pg_reload_conf()")
	execute(t, w.member, "set synchronous_commit = local") // of what shall not wait
	held := w.db.Conn(t)
	wait(t, "the setting", func() bool {
		var names string
		must(t, held.QueryRow(t.Context(), "show synchronous_standby_names").Scan(&names))
		return names == "nobody"
	})
	committed := make(chan error, 1)
	go func() {
		_, err := held.Exec(t.Context(), disable, lotte)
		committed <- err
	}()
	const waiting = "select count(*) from rollcall_state.touched where kind = 'rep' and xids <> '{}'"
	read := 1
	if pgtest.ByTriggers() {
		read = 0
		wait(t, "the commit to wait", func() bool {
			var waits bool
			must(t, admin.QueryRow(t.Context(), "select exists (select from pg_stat_activity where wait_event = 'SyncRep' and datname = 'chamber')").Scan(&waits))
			return waits
		})
	} else {
		wait(t, "the commit to be read", func() bool { return w.count(t, waiting) == 1 })
	}
	// A later change goes its way meanwhile.
	w.addRep(t, "nora")
	wait(t, "a later change", func() bool { return w.onAllActive() == 5 })
	if n := w.count(t, waiting); n != read {
		t.Error("the commit was planned before it was visible")
	}
	w.wantOn(t, "while the commit waits", board, lena, lotte, rosa, ulla)
	select {
	case err := <-committed:
		t.Errorf("the commit does not wait: %v", err)
	default:
	}
	execute(t, admin, "alter system reset synchronous_standby_names")
	execute(t, admin, "select pg_reload_conf()")
	must(t, <-committed)
	w.settle(t, time.Minute)
	w.wantOn(t, "once the commit is visible", board, lena, rosa, ulla)
	w.compare(t)
}

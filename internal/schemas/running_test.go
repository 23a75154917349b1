package schemas_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
)

// running is Rollcall on a database, without an account: the stream is read
// and touched keys become dirty addresses, and there they stay.
type running struct {
	db   *pgtest.DB
	conn *pgx.Conn
	cfg  *config.Config
}

const patience = 30 * time.Second

func start(t *testing.T, db *pgtest.DB) *running {
	t.Helper()
	u, err := url.Parse(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User("rollcall")
	file := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "source:\n  name: member\n  url: %s\n  slot: %s\n  capture: %s\n", u, pgtest.Slot(t), pgtest.Capture()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &running{db: db, conn: db.Conn(t)}
	// A commit that is not flushed is on no stream.
	r.exec(t, "set synchronous_commit = on")
	if r.cfg, err = config.Load(file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.New(ctx, r.cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), time.Now)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("rollcall ended: %v", err)
		}
		a.Close()
	})
	r.settle(t)
	return r
}

func (r *running) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := r.conn.Exec(context.Background(), statement, args...); err != nil {
		t.Fatalf("%.300s: %v", statement, err)
	}
}

// until waits until a query returns true.
func (r *running) until(t *testing.T, query string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var yes bool
		if err := r.conn.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			t.Fatalf("wait for %s: %v", query, err)
		}
		if yes {
			return
		}
		<-tick.C
	}
}

// settle waits until all that was committed so far has been read from the
// stream and worked off. A request goes the same way and comes out last.
func (r *running) settle(t *testing.T) {
	t.Helper()
	r.until(t, "select coalesce((select full_pass_at is not null and touch_all_after is null from rollcall_state.position), false)")
	r.exec(t, "delete from rollcall_state.request")
	r.exec(t, "select rollcall.sync_now('settled')")
	r.until(t, `select exists (select from rollcall_state.request) and not exists (select from rollcall_state.touched)
		and (select touch_all_after is null from rollcall_state.position)`)
}

// forget empties the queue.
func (r *running) forget(t *testing.T) {
	t.Helper()
	r.exec(t, "delete from rollcall_state.dirty")
}

// dirty are the queue's entries, as association and address.
func (r *running) dirty(t *testing.T) map[[2]string]bool {
	t.Helper()
	rows, _ := r.conn.Query(context.Background(), "select association, address from rollcall_state.dirty")
	all := map[[2]string]bool{}
	var association, address string
	if _, err := pgx.ForEachRow(rows, []any{&association, &address}, func() error {
		all[[2]string{association, address}] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// bindLists pretends that each group has its list, as it would have with an
// account: that a group is gone concerns nobody but its list.
func (r *running) bindLists(t *testing.T) {
	t.Helper()
	r.exec(t, `insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
		select 'member', association_id::text, 'group:' || group_id::text, 'group', group_id::text, coalesce(name, ''), 'list ' || group_id::text, 'bound', false, now()
		from rollcall.groups where association_id is not null and group_id is not null on conflict do nothing`)
}

// Package e2e runs the real program against a real Postgres and the simulated
// Constant Contact.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// TestMain lets more tests run at once than there are processors: they mostly
// wait for the program.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	pgtest.Main(m)
}

// binary builds the program once, and failpointBinary the one that can be ended at
// a chosen step; see package failpoint.
var (
	binary          = sync.OnceValues(func() (string, error) { return build() })
	failpointBinary = sync.OnceValues(func() (string, error) { return build("-tags", "failpoint") })
)

func build(flags ...string) (path string, err error) {
	dir, err := os.MkdirTemp("", "rollcall-e2e-")
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, "rollcall")
	args := append(append([]string{"build", "-o", path}, flags...), "rollcall/cmd/rollcall")
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// world is a member database, a simulated Constant Contact and the program
// between them.
type world struct {
	db      *pgtest.DB
	member  *pgx.Conn
	state   *pgx.Conn // nil: the state is in the member database
	sim     *ccsim.Sim
	address string // of the simulator
	config  string // path of the configuration
	log     *bytes.Buffer
	process *exec.Cmd
	program func() (path string, err error) // nil: binary
	env     []string                        // of the program, beside the test's own
}

const account = "harbour"

func newWorld(t *testing.T, template string, fill func(context.Context, *pgx.Conn) error) *world {
	t.Helper()
	return newWorldAt(t, template, fill, time.Now)
}

// newWorldAt is newWorld with a clock for the simulator.
func newWorldAt(t *testing.T, template string, fill func(context.Context, *pgx.Conn) error, now func() time.Time) *world {
	t.Helper()
	w := &world{log: &bytes.Buffer{}}
	w.db = pgtest.Template(t, template, func(ctx context.Context, conn *pgx.Conn) error {
		if err := contract(ctx, conn); err != nil {
			return err
		}
		return fill(ctx, conn)
	})
	w.member = w.db.Conn(t)
	w.sim = ccsim.New(ccsim.Config{Now: now, Delay: 300 * time.Millisecond})
	w.sim.AddAccount(account, "key", "an-access-token")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: w.sim.Handler(), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	w.address = listener.Addr().String()
	w.config = writeConfig(t, w.db.URL, pgtest.Slot(t), w.address)
	return w
}

// contract makes the reference schema and the contract over it, for the way to
// capture changes that CAPTURE says.
func contract(ctx context.Context, conn *pgx.Conn) error {
	files := sql.Contract()
	if pgtest.ByTriggers() {
		files = sql.ByTriggers(files)
	}
	for _, script := range append(sql.Reference(), files...) {
		if _, err := conn.Exec(ctx, script); err != nil {
			return err
		}
	}
	return nil
}

// writeConfig writes a configuration for a member database and a simulator.
func writeConfig(t *testing.T, url, slot, address string) (path string) {
	t.Helper()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("an-access-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "rollcall.yaml")
	text := fmt.Sprintf(`source:
  name: chamber
  url: %s
  slot: %s
  capture: %s
constant_contact:
  api_url: http://%s/v3
  connections:
    - association: "1"
      access_token: {file: %s}
pace: {linger: 500ms}
metrics: {listen: "off"}
console: {listen: "off"}
rules: {removal_thresholds: {off: true}} # random office work would be asked about
`, url, slot, pgtest.Capture(), address, token)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs the program. It is killed when the test ends.
func (w *world) start(t *testing.T) {
	t.Helper()
	w.startInto(t, w.log)
}

// startInto is start with another place for the log.
func (w *world) startInto(t *testing.T, log io.Writer) {
	t.Helper()
	program := binary
	if w.program != nil {
		program = w.program
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	// Pdeathsig is tied to the thread that starts the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w.process = exec.Command(path, "run", "--config", w.config)
	w.process.Env = append(os.Environ(), w.env...)
	w.process.Stderr = log
	w.process.Stdout = log
	if err := w.process.Start(); err != nil {
		t.Fatal(err)
	}
	process := w.process
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if logged, readable := log.(fmt.Stringer); readable {
			wantNoTrace(t, logged.String())
		}
		if t.Failed() {
			t.Logf("the program's log ends:\n%s", tail(w.log.Bytes(), 6000))
		}
	})
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// kill ends the program without warning.
func (w *world) kill(t *testing.T) {
	t.Helper()
	if err := w.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = w.process.Wait()
}

// stop asks the program to end, as an operator would, and wants it to succeed.
func (w *world) stop(t *testing.T) {
	t.Helper()
	if err := w.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := w.process.Wait(); err != nil {
		t.Errorf("planned stop: %v", err)
	}
}

// settled says that everything committed before the position has been read,
// planned, sent and confirmed. Addresses put off for long, which is for $2, do not
// count.
const settled = `
select coalesce((select durable_lsn >= $1::pg_lsn and touch_all_after is null and full_pass_at is not null from rollcall_state.position), false)
    and not exists (select from rollcall_state.touched)
    and not exists (select from rollcall_state.dirty where coalesce(not_before, now()) < now() + $2::interval)
    and not exists (select from rollcall_state.request where state in ('pending', 'running'))
    and not exists (select from rollcall_state.activity where state in ('intended', 'sent', 'unknown'))`

// settle waits until nothing is left to do.
func (w *world) settle(t *testing.T, patience time.Duration) {
	t.Helper()
	w.settleAll(t, patience, 10*time.Minute)
}

// settleAll is settle that waits for whoever is put off for less than long, too.
func (w *world) settleAll(t *testing.T, patience, long time.Duration) {
	t.Helper()
	ctx := t.Context()
	var lsn string
	if err := w.member.QueryRow(ctx, "select pg_current_wal_insert_lsn()::text").Scan(&lsn); err != nil {
		t.Fatal(err)
	}
	if _, err := w.member.Exec(ctx, "select rollcall.touch('rep', '0')"); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var exists, done bool
		err := w.states().QueryRow(ctx, "select to_regclass('rollcall_state.intent') is not null").Scan(&exists)
		if err == nil && exists {
			err = w.states().QueryRow(ctx, settled, lsn, long).Scan(&done)
		}
		// The state is being made: its migrations lock what this asks about.
		var pgErr *pgconn.PgError
		if err != nil && (!errors.As(err, &pgErr) || pgErr.Code != "40P01") {
			t.Fatal(err)
		}
		if done {
			return
		}
		select {
		case <-deadline:
			waits, err := stillWaits(ctx, w.states())
			t.Fatalf("still at work after %s: %s (%v)", patience, waits, err)
		case <-tick.C:
		}
	}
}

// states is a session on the state.
func (w *world) states() *pgx.Conn {
	if w.state != nil {
		return w.state
	}
	return w.member
}

func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.member.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// compare holds Constant Contact's lists against the plain SQL statement of
// package chamber, and asks the simulator's referee.
func (w *world) compare(t *testing.T) {
	t.Helper()
	expected, err := chamber.Expected(t.Context(), w.member)
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string]map[string]bool{}
	missing, wrong := map[string]int{}, map[string]int{}
	for _, e := range expected {
		if lists[e.List] == nil {
			lists[e.List] = map[string]bool{}
			for _, address := range w.sim.ListAddresses(account, e.List) {
				lists[e.List][address] = true
			}
		}
		switch {
		case e.On && !lists[e.List][e.Address]:
			missing[e.List]++
			t.Logf("missing on %q: %s", e.List, e.Address)
		case !e.On && lists[e.List][e.Address]:
			wrong[e.List]++
			t.Logf("wrongly on %q: %s", e.List, e.Address)
		}
	}
	if len(missing)+len(wrong) > 0 {
		t.Errorf("of %d pairs, missing by list: %v; wrongly there by list: %v", len(expected), missing, wrong)
	}
	w.wantNoViolations(t)
}

// wantNoViolations asks the simulator's referee.
func (w *world) wantNoViolations(t *testing.T) {
	t.Helper()
	for _, v := range w.sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}

package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/pgtest"
)

// part is one process of several that do the work of one.
type part struct {
	process *exec.Cmd
	mu      sync.Mutex
	log     bytes.Buffer
	calls   *atomic.Int64 // requests of this process to Constant Contact
}

func (p *part) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *part) said(what string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.log.Bytes(), []byte(what))
}

// startPart runs a process with some of the roles. It has a way of its own to
// the simulator and a user of its own for the state, so that what it sends and
// what it writes is known.
func (w *world) startPart(t *testing.T, name, roles string) *part {
	t.Helper()
	calls := &atomic.Int64{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(t, err)
	handler := w.sim.Handler()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		handler.ServeHTTP(rw, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	p := w.startPartAt(t, name, roles, listener.Addr().String())
	p.calls = calls
	return p
}

// startPartAt is startPart with the address of the simulator.
func (w *world) startPartAt(t *testing.T, name, roles, address string) *part {
	t.Helper()
	p := &part{}
	w.exec(t, fmt.Sprintf(`do $$ begin create role %s superuser login; exception when duplicate_object then null; end $$`, name))
	state, err := url.Parse(w.db.URL)
	w.must(t, err)
	state.User = url.User(name)
	text, err := os.ReadFile(w.config)
	w.must(t, err)
	config := filepath.Join(t.TempDir(), "rollcall.yaml")
	text = bytes.ReplaceAll(text, []byte(w.address), []byte(address))
	text = append(text, []byte(fmt.Sprintf("state: {url: %q}\n", state))...)
	w.must(t, os.WriteFile(config, text, 0o600))

	path, err := binary()
	w.must(t, err)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p.process = exec.Command(path, "run", "--config", config, "--roles", roles)
	p.process.Stdout, p.process.Stderr = p, p
	w.must(t, p.process.Start())
	t.Cleanup(func() {
		_ = p.process.Process.Kill()
		_ = p.process.Wait()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("the log of %s ends:\n%s", name, tail(p.log.Bytes(), 3000))
		}
	})
	return p
}

func (p *part) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// stop asks the process to end.
func (p *part) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if err := p.process.Wait(); err != nil {
		t.Errorf("planned stop: %v", err)
	}
}

// holder waits until one of the workers has the API key, and returns it and the
// other one.
func holder(t *testing.T, a, b *part) (has, other *part) {
	t.Helper()
	const taken = "lease=api_key/main token="
	wait(t, "a worker to take the key", func() bool { return a.said(taken) || b.said(taken) })
	if a.said(taken) {
		return a, b
	}
	return b, a
}

// reading is what a process logs that begins to read.
func reading() string {
	if pgtest.ByTriggers() {
		return "moving the log of changes"
	}
	return "streaming"
}

func (w *world) addRep(t *testing.T, name string) {
	t.Helper()
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, $1, 'Example', $1 || '@example.org')", name)
}

func (w *world) onAllActive() int { return len(w.sim.ListAddresses(account, allActive)) }

// replaced is how soon the work of a process that died goes on.
const replaced = 15 * time.Second

// One process reads and two work. Each that is killed is replaced by the one that
// stands by, and the worker within 15 seconds.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	first := w.startPart(t, "zz_reader_1", "reader")
	reads := reading()
	wait(t, "the reader", func() bool { return first.said(reads) })
	second := w.startPart(t, "zz_reader_2", "reader")
	workerA, workerB := w.startPart(t, "zz_worker_a", "worker"), w.startPart(t, "zz_worker_b", "worker")
	w.settle(t, time.Minute)
	w.compare(t)
	if first.calls.Load()+second.calls.Load() > 0 {
		t.Error("a reader calls Constant Contact")
	}
	if second.said(reads) || !second.said("standing by") {
		t.Error("the second reader does not stand by")
	}

	has, other := holder(t, workerA, workerB)
	if other.calls.Load() > 0 {
		t.Error("both workers call with one API key")
	}
	has.signal(t, syscall.SIGKILL)
	killed := time.Now()
	w.addRep(t, "nora")
	wait(t, "the other worker", func() bool { return other.calls.Load() > 0 })
	if took := time.Since(killed); took > replaced {
		t.Errorf("the other worker sends after %s", took)
	}
	first.signal(t, syscall.SIGKILL)
	w.addRep(t, "olga")
	wait(t, "the other reader", func() bool { return w.onAllActive() == 6 })
	w.settle(t, time.Minute)
	w.compare(t)
	second.stop(t)
	other.stop(t)
}

// A worker is stopped, as a machine is that swaps or is suspended, and goes on
// after another has taken its work over: it sends at most the one request that it
// was writing, and writes nothing.
func TestAWorkerThatWasSuspended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	reader := w.startPart(t, "zz_reader_1", "reader")
	workerA, workerB := w.startPart(t, "zz_worker_a", "worker"), w.startPart(t, "zz_worker_b", "worker")
	w.settle(t, time.Minute)
	has, other := holder(t, workerA, workerB)
	name := map[*part]string{workerA: "zz_worker_a", workerB: "zz_worker_b"}[has]
	// Committed writes to the state, by who made them.
	w.exec(t, `create table public.written (who text, what text, at timestamptz default clock_timestamp());
		create function public.note_write() returns trigger language plpgsql as $$
		begin insert into public.written (who, what) values (session_user, tg_table_name); return null; end $$;
		do $$ declare r record; begin
			for r in select c.relname from pg_class c where c.relnamespace = 'rollcall_state'::regnamespace and c.relkind = 'r' loop
				execute format('create trigger noted after insert or update or delete on rollcall_state.%I for each row execute function public.note_write()', r.relname);
			end loop;
		end $$`)

	// It is stopped while it works: changes come one after another.
	for i := range 20 {
		w.addRep(t, fmt.Sprint("nora", i))
	}
	before := has.calls.Load()
	wait(t, "the worker to send", func() bool { return has.calls.Load() > before })
	has.signal(t, syscall.SIGSTOP)
	for i := range 20 {
		w.addRep(t, fmt.Sprint("olga", i))
	}
	wait(t, "the other worker to do all", func() bool { return w.onAllActive() == 44 })
	sent := has.calls.Load()
	// Something is always to be done while it goes on.
	for i := range 20 {
		w.addRep(t, fmt.Sprint("paula", i))
	}
	var since time.Time
	w.must(t, w.member.QueryRow(t.Context(), "select clock_timestamp()").Scan(&since))
	has.signal(t, syscall.SIGCONT)
	wait(t, "the worker to notice", func() bool { return has.said("lease was lost") })
	wait(t, "the other worker to do all", func() bool { return w.onAllActive() == 64 })
	if more := has.calls.Load() - sent; more > 1 {
		t.Errorf("it sent %d requests after the other had taken over", more)
	}
	if n := w.count(t, fmt.Sprintf("select count(*) from public.written where who = '%s' and at >= '%s'", name, since.Format(time.RFC3339Nano))); n > 0 {
		t.Errorf("it wrote %d rows after the other had taken over", n)
	}
	if n := w.count(t, "select count(*) from public.written where who = '"+name+"'"); n == 0 {
		t.Error("the writes are not noted")
	}
	w.settle(t, time.Minute)
	w.compare(t)
	for _, p := range []*part{reader, has, other} {
		p.stop(t)
	}
}

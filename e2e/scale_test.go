package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
)

// scaleLong says that make test-scale runs, with 200 associations, and measures
// times and processors too.
func scaleLong() bool { return os.Getenv("ROLLCALL_SCALE") == "long" }

// crew is processes that serve many associations, each with an API key of its own.
type crew struct {
	*world
	keys int

	mu      sync.Mutex
	latency time.Duration // of each request, before it is answered
	sent    []sending
}

// sending is one request, from when it came to when it was answered.
type sending struct {
	part       string // the process
	key        string
	begun, end time.Time
}

// newCrew makes associations, and accounts of theirs in a simulator.
func newCrew(t *testing.T, template string, fill func(context.Context, *pgx.Conn) error) *crew {
	t.Helper()
	c := &crew{world: newWorld(t, template, fill)}
	c.sim = ccsim.New(ccsim.Config{Now: time.Now, Delay: 300 * time.Millisecond})
	rows, err := c.member.Query(t.Context(), "select association_id::text from chamber.association order by association_id")
	c.must(t, err)
	associations, err := pgx.CollectRows(rows, pgx.RowTo[string])
	c.must(t, err)
	c.keys = len(associations)
	c.configure(t, associations)
	return c
}

// configure writes the configuration for some of the associations.
func (c *crew) configure(t *testing.T, associations []string) {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	fmt.Fprintf(&text, "source: {name: chamber, url: %q, slot: %s, capture: %s}\nconstant_contact:\n  api_url: http://%s/v3\n  connections:\n", c.db.URL, pgtest.Slot(t), pgtest.Capture(), c.address)
	for _, a := range associations {
		key := "key-" + a
		c.sim.AddAccount("account-"+a, key, "token-of-"+key)
		token := filepath.Join(dir, key)
		c.must(t, os.WriteFile(token, []byte("token-of-"+key), 0o600))
		fmt.Fprintf(&text, "    - {association: %q, api_key: %s, access_token: {file: %s}}\n", a, key, token)
	}
	text.WriteString("pace: {linger: 500ms}\nmetrics: {listen: \"off\"}\nconsole: {listen: \"off\"}\nrules: {removal_thresholds: {off: true}}\n")
	c.config = filepath.Join(dir, "rollcall.yaml")
	c.must(t, os.WriteFile(c.config, []byte(text.String()), 0o600))
}

// begin starts a process whose requests are noted.
func (c *crew) begin(t *testing.T, name, roles string) *part {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	c.must(t, err)
	handler := c.sim.Handler()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s := sending{part: name, key: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer token-of-"), begun: time.Now()}
		if timer := time.NewTimer(c.latency); c.latency > 0 {
			select {
			case <-timer.C:
			case <-r.Context().Done():
				timer.Stop()
			}
		}
		handler.ServeHTTP(rw, r)
		s.end = time.Now()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent = append(c.sent, s)
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
	return c.startPartAt(t, name, roles, listener.Addr().String())
}

// sendings are all requests so far.
func (c *crew) sendings() []sending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]sending{}, c.sent...)
}

// forKeys are how many of the requests since the n-th a process sent for each key.
func (c *crew) forKeys(p string, since int) map[string]int {
	n := map[string]int{}
	for _, s := range c.sendings()[since:] {
		if s.part == p {
			n[s.key]++
		}
	}
	return n
}

// serving are how many API keys each process serves, by process number.
func (c *crew) serving(t *testing.T) map[int]int {
	t.Helper()
	rows, err := c.member.Query(t.Context(), `select substring(holder from 'process (\d+)')::int, count(*)::int from rollcall_state.lease
		where key like 'api_key/%' and holder <> '' group by 1`)
	c.must(t, err)
	n := map[int]int{}
	var pid, keys int
	_, err = pgx.ForEachRow(rows, []any{&pid, &keys}, func() error { n[pid] = keys; return nil })
	c.must(t, err)
	return n
}

// shared says whether both processes serve between two fifths and three fifths of
// the keys, and all are served.
func (c *crew) shared(t *testing.T, a, b *part) bool {
	n := c.serving(t)
	x, y := n[a.process.Process.Pid], n[b.process.Process.Pid]
	return x+y == c.keys && min(x, y)*5 >= c.keys*2
}

// change takes somebody of every association off their lists, or puts them back.
func (c *crew) change(t *testing.T) {
	t.Helper()
	c.exec(t, `update chamber.rep r set active = not active
		where rep_id = (select min(n.rep_id) from chamber.rep n
			join rollcall_state.rep_now w on w.association = n.association_id::text and w.rep = n.rep_id::text
			join rollcall_state.contact k on k.association = w.association and k.address = w.address and k.state = 'active'
			where n.association_id = r.association_id and not n.opted_out)`)
}

// wantLawfulSending wants that no two processes sent for one key at a time.
func (c *crew) wantLawfulSending(t *testing.T) {
	t.Helper()
	last := map[string]map[string]time.Time{} // by key and process: the end of the last request
	problems := 0
	for _, s := range c.sendings() {
		if last[s.key] == nil {
			last[s.key] = map[string]time.Time{}
		}
		for other, end := range last[s.key] {
			if other != s.part && end.After(s.begun) && problems < 5 {
				problems++
				t.Errorf("%s and %s sent for %s at a time", other, s.part, s.key)
			}
		}
		last[s.key][s.part] = s.end
	}
	c.wantNoViolations(t)
}

// idle says whether everything was read, and nothing is left to do for some
// associations.
func (c *crew) idle(t *testing.T, associations []string) (idle bool) {
	t.Helper()
	var made bool
	c.must(t, c.member.QueryRow(t.Context(), "select to_regclass('rollcall_state.worker') is not null").Scan(&made))
	if !made {
		return false
	}
	c.must(t, c.member.QueryRow(t.Context(), `
		select exists (select from rollcall_state.position where touch_all_after is null and full_pass_at is not null)
			and not exists (select from rollcall_state.touched)
			and not exists (select from rollcall_state.dirty where association = any($1))
			and not exists (select from rollcall_state.activity where state in ('intended', 'sent', 'unknown'))`, associations).Scan(&idle))
	return idle
}

func fillMany(associations, reps, groups int) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: associations, Reps: reps, Groups: groups})
		return err
	}
}

// Two workers share the keys of many associations. One that is started later gets
// its share, one that is killed is replaced within 15 seconds, and one that was
// suspended gets its share again and sends nothing more for what it had.
func TestWorkersShareKeys(t *testing.T) {
	t.Parallel()
	keys := 10
	if scaleLong() {
		keys = 200
	}
	c := newCrew(t, fmt.Sprint("scale", keys), fillMany(keys, 8, 1))
	reader := c.begin(t, "zz_reader", "reader")
	a := c.begin(t, "zz_worker_a", "worker")
	c.settle(t, 5*time.Minute)
	alone := c.load(t, a)
	b := c.begin(t, "zz_worker_b", "worker")
	wait(t, "the keys to be shared", func() bool { return c.shared(t, a, b) })
	both := c.load(t, a, b)
	t.Logf("%v of %d keys; processor time of the one alone %s, of the two %s", c.serving(t), keys, alone, both)
	for i, used := range both {
		if share := used.Seconds() / alone[0].Seconds(); scaleLong() && share > 0.65 {
			t.Errorf("worker %d of two needs %.2f of the processor time of one alone", i+1, share)
		}
	}
	c.wantLawfulSending(t)

	before := len(c.sendings())
	c.change(t)
	c.settle(t, 3*time.Minute)
	answering := len(c.forKeys("zz_worker_a", before)) + len(c.forKeys("zz_worker_b", before)) // some are on no list
	if answering < keys*3/4 {
		t.Errorf("a change of each of %d associations is sent for %d", keys, answering)
	}
	before = len(c.sendings())
	a.signal(t, syscall.SIGKILL)
	killed := time.Now()
	c.change(t)
	wait(t, "the other worker to take over", func() bool { return c.serving(t)[b.process.Process.Pid] == keys })
	wait(t, "the other worker to send for all", func() bool { return len(c.forKeys("zz_worker_b", before)) >= answering*19/20 })
	took := c.firstFor("zz_worker_b", before).Sub(killed)
	t.Logf("of %d keys %d answer; the other worker had sent for them %s after the kill", keys, answering, took.Round(time.Millisecond))
	if took > replaced {
		t.Errorf("the other worker sends for all keys after %s", took)
	}
	c.settle(t, 3*time.Minute)

	a = c.begin(t, "zz_worker_c", "worker")
	wait(t, "the keys to be shared", func() bool { return c.shared(t, a, b) })
	c.change(t)
	before = len(c.sendings())
	wait(t, "the worker to send", func() bool { return len(c.forKeys("zz_worker_c", before)) > 0 })
	a.signal(t, syscall.SIGSTOP)
	wait(t, "the other worker to take over", func() bool { return c.serving(t)[b.process.Process.Pid] == keys })
	before = len(c.sendings())
	c.change(t)
	a.signal(t, syscall.SIGCONT)
	wait(t, "the worker to notice", func() bool { return a.said("lease was lost") })
	for key, n := range c.forKeys("zz_worker_c", before) {
		if n > 1 {
			t.Errorf("it sent %d requests for %s after the other had taken over", n, key)
		}
	}
	wait(t, "the keys to be shared", func() bool { return c.shared(t, a, b) })
	c.settle(t, 3*time.Minute)
	c.wantLawfulSending(t)
	c.wantMirrored(t)
	for _, p := range []*part{reader, a, b} {
		p.stop(t)
	}
}

// firstFor is when a process had sent its first request for each key since the
// n-th request.
func (c *crew) firstFor(p string, since int) (last time.Time) {
	seen := map[string]bool{}
	for _, s := range c.sendings()[since:] {
		if s.part == p && !seen[s.key] {
			seen[s.key] = true
			last = s.begun
		}
	}
	return last
}

// load lets every office change somebody, three times, and returns how much of the
// processors each process used meanwhile.
func (c *crew) load(t *testing.T, parts ...*part) (used []time.Duration) {
	t.Helper()
	pause := time.Second
	if scaleLong() {
		pause = 20 * time.Second
	}
	for _, p := range parts {
		used = append(used, -p.processor(t))
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range 3 {
		c.change(t)
		<-tick.C
	}
	for i, p := range parts {
		used[i] += p.processor(t)
	}
	c.settle(t, 3*time.Minute)
	return used
}

// processor is the processor time that a process has used.
func (p *part) processor(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	// proc(5): utime and stime are fields 14 and 15, in hundredths of a second.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// wantMirrored compares the lists of every account with the database.
func (c *crew) wantMirrored(t *testing.T) {
	t.Helper()
	expected, err := chamber.Expected(t.Context(), c.member)
	c.must(t, err)
	on := map[[2]string]map[string]bool{}
	wrong := 0
	for _, e := range expected {
		list := [2]string{fmt.Sprint("account-", e.Association), e.List}
		if on[list] == nil {
			on[list] = map[string]bool{}
			for _, address := range c.sim.ListAddresses(list[0], e.List) {
				on[list][address] = true
			}
		}
		if on[list][e.Address] != e.On {
			wrong++
		}
	}
	if wrong > 0 || len(expected) < c.keys {
		t.Errorf("%d of %d pairs are wrong", wrong, len(expected))
	}
}

// One worker serves many associations with keys of their own side by side: all are
// done hardly later than the slowest of them would be alone, with an API that takes
// its time for each answer.
func TestOneWorkerServesManyKeysAtOnce(t *testing.T) {
	t.Parallel()
	others, reps, groups := 9, 40, 2
	if scaleLong() {
		others, reps, groups = 199, 300, 12
	}
	c := newCrew(t, fmt.Sprint("slowest", others), func(ctx context.Context, conn *pgx.Conn) error {
		if err := fillMany(1, reps, groups)(ctx, conn); err != nil {
			return err
		}
		return fillMany(others, 5, 1)(ctx, conn)
	})
	c.latency = 250 * time.Millisecond
	sync := func(associations ...string) (took time.Duration) {
		c.sim = ccsim.New(ccsim.Config{Now: time.Now, Delay: 300 * time.Millisecond})
		c.configure(t, associations)
		before := len(c.sendings())
		p := c.begin(t, fmt.Sprint("zz_worker_", len(associations)), "reader,worker")
		wait(t, "all to be in step", func() bool { return c.idle(t, associations) })
		p.stop(t)
		c.wantNoViolations(t)
		var first, last time.Time
		for _, s := range c.sendings()[before:] {
			if first.IsZero() || s.begun.Before(first) {
				first = s.begun
			}
			if s.end.After(last) {
				last = s.end
			}
		}
		return last.Sub(first)
	}
	var all []string
	c.must(t, c.member.QueryRow(t.Context(), "select array_agg(association_id::text order by association_id) from chamber.association").Scan(&all))
	alone := sync(all[0])
	c.exec(t, "drop schema rollcall_state cascade")
	together := sync(all...)
	c.wantMirrored(t)
	ratio := together.Seconds() / alone.Seconds()
	t.Logf("the slowest alone took %s, all %d together %s: %.2f times as long", alone.Round(time.Millisecond), len(all), together.Round(time.Millisecond), ratio)
	if scaleLong() && ratio > 1.2 {
		t.Errorf("%d associations take %.2f times as long as the slowest of them", len(all), ratio)
	}
}

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/faultproxy"
	"rollcall/internal/localpg"
	"rollcall/internal/pgtest"
)

// soakFor is for how long make test-soak makes trouble.
func soakFor(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("ROLLCALL_SOAK_MINUTES")
	if text == "" {
		t.Skip("runs for minutes: make test-soak")
	}
	minutes, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("ROLLCALL_SOAK_MINUTES: %v", err)
	}
	return time.Duration(minutes * float64(time.Minute))
}

// What a process may need while all this happens.
const (
	mostResident   = 512 << 20 // bytes
	mostGoroutines = 200
	mostRetained   = 64 << 20 // bytes of log that the slot holds once all is in step; others write to it too
)

// soakFaults are the faults of requests after which all is in step within minutes.
// Those that make the program wait for hours are TestFaults's, whose clock can be
// put forward.
var soakFaults = []ccsim.FaultKind{
	ccsim.FaultThrottled, ccsim.Fault500, ccsim.Fault503, ccsim.FaultHTML502, ccsim.FaultResetBefore, ccsim.FaultResetAfter,
	ccsim.FaultTruncated, ccsim.FaultSlow, ccsim.FaultActivityFailed, ccsim.FaultActivityTimedOut, ccsim.FaultActivityStuck,
	ccsim.FaultPageSkips, ccsim.FaultPageRepeats,
}

// soak is a crash with a server and a network of its own, in which everything
// happens.
type soak struct {
	*crash
	server *localpg.Server
	proxy  *faultproxy.Proxy
	log    *text
	random *rand.Rand
	ended  chan struct{} // closed when the present process has ended
	counts map[string]int

	resident   int64   // the most bytes seen
	goroutines float64 // the most seen
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	server := pgtest.Server(t, map[string]string{"synchronous_commit": "on"})
	w := newWorld(t, "small", fillSmall) // for its simulator
	admin := connectTo(t, server, "postgres")
	execute(t, admin, "create database chamber")
	w.db = &pgtest.DB{Name: "chamber", URL: server.URL("chamber")}
	w.member = connectTo(t, server, "chamber")
	must(t, contract(t.Context(), w.member))
	_, err := chamber.Generate(t.Context(), w.member, chamber.Options{Seed: 7, Associations: 1, Reps: 1500, Groups: 8})
	must(t, err)
	at, err := url.Parse(w.db.URL)
	must(t, err)
	proxy, err := faultproxy.Listen(at.Host)
	must(t, err)
	t.Cleanup(func() { must(t, proxy.Close()) })
	at.Host = proxy.Addr()
	w.config = writeConfig(t, at.String(), pgtest.Slot(t), w.address)
	w.reconfigure(t, `metrics: {listen: "off"}`, `metrics: {listen: "127.0.0.1:0"}`)
	return &soak{
		crash: crashOf(t, w, seed, way{}), server: server, proxy: proxy, log: &text{}, random: rand.New(rand.NewPCG(seed, 4)), counts: map[string]int{},
	}
}

// run starts the program, as whoever supervises it does.
func (s *soak) run(t *testing.T) {
	t.Helper()
	s.startInto(t, s.log)
	process, ended := s.process, make(chan struct{})
	go func() {
		defer close(ended)
		_ = process.Wait()
	}()
	s.ended = ended
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-ended
	})
}

func (s *soak) end(signal syscall.Signal) {
	_ = s.process.Process.Signal(signal)
	<-s.ended
}

// trouble is one thing that goes wrong. What has an end of its own ends with the
// returned function.
func (s *soak) trouble(t *testing.T) (name string, over func()) {
	t.Helper()
	troubles := []struct {
		name string
		do   func() func()
	}{
		{"killed", func() func() { s.end(syscall.SIGKILL); return nil }},
		{"stopped", func() func() { s.end(syscall.SIGTERM); return nil }},
		{"suspended", func() func() {
			process := s.process.Process
			_ = process.Signal(syscall.SIGSTOP)
			return func() { _ = process.Signal(syscall.SIGCONT) }
		}},
		{"server restarted", func() func() {
			must(t, s.server.Restart(t.Context()))
			s.connectAgain(t)
			return nil
		}},
		{"server crashed", func() func() {
			s.server.Kill()
			must(t, s.server.Restart(t.Context()))
			s.connectAgain(t)
			return nil
		}},
		{"walsender killed", func() func() {
			s.exec(t, "select pg_terminate_backend(pid) from pg_stat_replication")
			return nil
		}},
		{"sessions killed", func() func() {
			s.exec(t, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rollcall state'")
			return nil
		}},
		{"network cut", func() func() { s.proxy.Cut(); return nil }},
		{"network away", func() func() {
			s.proxy.Refuse(true)
			s.proxy.Cut()
			return func() { s.proxy.Refuse(false) }
		}},
		{"network silent", func() func() { s.proxy.Stall(); return s.proxy.Resume }},
		{"activities go on", func() func() { must(t, s.sim.Release(account)); return nil }},
	}
	x := troubles[s.random.IntN(len(troubles))]
	return x.name, x.do()
}

func (s *soak) connectAgain(t *testing.T) {
	t.Helper()
	s.member, s.office = connectTo(t, s.server, "chamber"), connectTo(t, s.server, "chamber")
}

// sample notes what the process needs.
func (s *soak) sample() {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return // it has ended
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err == nil {
				s.resident = max(s.resident, kilobytes<<10)
			}
		}
	}
}

func (s *soak) sampleGoroutines() float64 {
	_, scrape := get(s.log.String(), "/metrics")
	n := value(scrape, "go_goroutines")
	s.goroutines = max(s.goroutines, n)
	return n
}

// Everything goes wrong in turn, for as long as it is asked for: requests fail, the
// program is killed, stopped and suspended, the database restarts and crashes, the
// network is cut, away and silent, while an office works and people leave. Then it
// comes to rest, and all is in step. The program needs no more than it should.
func TestSoak(t *testing.T) {
	t.Parallel()
	seed := testSeed(t)
	s := newSoak(t, seed)
	must(t, s.sim.FaultsAtRandom(seed, 0.05, 2*time.Second, soakFaults...))
	s.run(t)
	s.makeTrouble(t, soakFor(t))

	must(t, s.sim.FaultsAtRandom(0, 0, 0))
	must(t, s.sim.Release(account))
	select {
	case <-s.ended:
		s.run(t)
	default:
	}
	t.Cleanup(func() { s.explain(t) })
	s.rest(t, restPatience)
	n := s.sampleGoroutines()
	if n < 10 || s.goroutines > mostGoroutines {
		t.Errorf("%.0f goroutines at rest, %.0f at most", n, s.goroutines)
	}
	if s.resident == 0 || s.resident > mostResident {
		t.Errorf("the program took %d bytes", s.resident)
	}
	const retained = "select count(*) from pg_replication_slots where pg_current_wal_lsn() - restart_lsn > $1"
	wait(t, "the slot to let the log go", func() bool {
		var holding int
		must(t, s.member.QueryRow(t.Context(), retained, mostRetained).Scan(&holding))
		return holding == 0
	})
	t.Logf("%v; %d requests, %d people gone, %d left a list; at most %d MiB and %.0f goroutines",
		s.counts, len(s.sim.Requests()), len(s.gone), len(s.left), s.resident>>20, s.goroutines)
	s.end(syscall.SIGTERM)
	if code := s.process.ProcessState.ExitCode(); code != 0 {
		t.Errorf("planned stop: exit code %d", code)
	}
}

// explain says what is still waited for when the test has failed.
func (s *soak) explain(t *testing.T) {
	if !t.Failed() {
		return
	}
	conn, err := pgx.Connect(context.Background(), s.server.URL("chamber"))
	if err != nil {
		t.Log(err)
		return
	}
	defer conn.Close(context.Background())
	waits, err := stillWaits(context.Background(), conn)
	t.Logf("%v: still waits: %s (%v); the program's log ends:\n%s", s.counts, waits, err, tail([]byte(s.log.String()), 6000))
}

// makeTrouble lets the office work and makes trouble until the time is over, and
// starts the program again whenever it has ended.
func (s *soak) makeTrouble(t *testing.T, lasts time.Duration) {
	t.Helper()
	deadline := time.After(lasts)
	next := time.NewTimer(5 * time.Second)
	defer next.Stop()
	var over func()
	defer func() {
		if over != nil {
			over()
		}
	}()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case <-deadline:
			return
		case <-s.ended:
			s.counts["started again"]++
			s.run(t)
		case <-next.C:
			if over != nil {
				over()
				over = nil
			} else {
				var name string
				name, over = s.trouble(t)
				s.counts[name]++
			}
			next.Reset(time.Duration(1000+s.random.IntN(9000)) * time.Millisecond)
		case <-tick.C:
			s.something(t, i)
			if i%50 == 0 {
				s.sample()
			}
			if i%250 == 0 && over == nil {
				s.sampleGoroutines()
			}
		}
	}
}

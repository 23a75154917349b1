package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"rollcall/internal/pause"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Store whose answers can be late or lost.
type memory struct {
	mu   sync.Mutex
	rows map[string]Row
}

func newMemory() *memory { return &memory{rows: map[string]Row{}} }

func (m *memory) change(key string, change func(*Row) bool) (Row, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row := m.rows[key]
	changed := change(&row)
	if changed {
		m.rows[key] = row
	}
	return row, changed
}

func (m *memory) Lease(_ context.Context, key string) (Row, error) {
	row, _ := m.change(key, func(*Row) bool { return false })
	return row, nil
}

func (m *memory) TakeLease(_ context.Context, key string, seen Row, holder, serves string) (int64, error) {
	row, ok := m.change(key, func(r *Row) bool {
		if r.Token != seen.Token || r.Renewals != seen.Renewals {
			return false
		}
		if r.WantedBy == holder {
			r.WantedBy = ""
		}
		r.Holder, r.Serves, r.Token, r.Renewals = holder, serves, r.Token+1, r.Renewals+1
		return true
	})
	if !ok {
		return 0, nil
	}
	return row.Token, nil
}

func (m *memory) RenewLease(_ context.Context, key string, token int64) (Row, bool, error) {
	row, ok := m.change(key, func(r *Row) bool {
		if r.Token != token || r.Holder == "" {
			return false
		}
		r.Renewals++
		return true
	})
	return row, ok, nil
}

func (m *memory) ReleaseLease(_ context.Context, key string, token int64) error {
	m.change(key, func(r *Row) bool {
		if r.Token != token {
			return false
		}
		r.Holder = ""
		r.Renewals++
		return true
	})
	return nil
}

func (m *memory) WantLease(_ context.Context, key, who string, lasts time.Duration) error {
	m.change(key, func(r *Row) bool {
		if r.WantedBy != "" && r.WantedBy != who && r.WantedUntil.After(time.Now()) {
			return false
		}
		r.WantedBy, r.WantedUntil = who, time.Now().Add(lasts)
		return true
	})
	return nil
}

// process is one of several that want the lease, with a clock of its own.
type process struct {
	Keeper
	name    string
	network *network
	gate    gate // held while the process is stopped
}

// gate is a lock for which fake time passes while it is waited for.
type gate chan struct{}

func (g gate) Lock()   { g <- struct{}{} }
func (g gate) Unlock() { <-g }

// pass waits while the gate is held.
func (g gate) pass() {
	g <- struct{}{}
	<-g
}

// network is a process's way to the store.
type network struct {
	Store
	process *process
	rand    *rand.Rand
	bad     float64 // share of requests that are late or lost
	mu      sync.Mutex
}

var errLostOnTheWay = errors.New("connection reset")

// trip is one way: some milliseconds, or much longer, or never.
func (n *network) trip(ctx context.Context) error {
	n.mu.Lock()
	chance, late := n.rand.Float64(), time.Duration(n.rand.IntN(20_000))*time.Millisecond
	n.mu.Unlock()
	switch {
	case chance < n.bad/2:
		return errLostOnTheWay
	case chance < n.bad:
		if err := pause.For(ctx, late); err != nil {
			return err
		}
	}
	if err := pause.For(ctx, 3*time.Millisecond); err != nil {
		return err
	}
	n.process.gate.pass() // a stopped process neither asks nor reads
	return nil
}

func (n *network) Lease(ctx context.Context, key string) (row Row, err error) {
	if err = n.trip(ctx); err == nil {
		row, _ = n.Store.Lease(ctx, key)
		err = n.trip(ctx)
	}
	return row, err
}

func (n *network) TakeLease(ctx context.Context, key string, seen Row, holder, serves string) (token int64, err error) {
	if err = n.trip(ctx); err == nil {
		token, _ = n.Store.TakeLease(ctx, key, seen, holder, serves)
		err = n.trip(ctx)
	}
	return token, err
}

func (n *network) RenewLease(ctx context.Context, key string, token int64) (row Row, ok bool, err error) {
	if err = n.trip(ctx); err == nil {
		row, ok, _ = n.Store.RenewLease(ctx, key, token)
		err = n.trip(ctx)
	}
	return row, ok, err
}

func (n *network) ReleaseLease(ctx context.Context, key string, token int64) (err error) {
	if err = n.trip(ctx); err == nil {
		err = n.Store.ReleaseLease(ctx, key, token)
	}
	return err
}

func newProcess(store Store, name, serves string, seed uint64, skew time.Duration, bad float64) *process {
	p := &process{name: name, gate: make(gate, 1)}
	p.network = &network{Store: store, process: p, rand: rand.New(rand.NewPCG(seed, 1)), bad: bad}
	p.Keeper = Keeper{
		Store: p.network, Holder: name, Serves: serves, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(skew) },
	}
	return p
}

// record is what was sent, in true time.
type record struct {
	mu    sync.Mutex
	sends []send
}

type send struct {
	by    string
	token int64
	at    time.Time
}

func (r *record) add(s send) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sends = append(r.sends, s)
}

func (r *record) by(name string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sends {
		if s.by == name {
			n++
		}
	}
	return n
}

// sender sends four times a second while it may.
func (p *process) sender(r *record, yields bool) func(context.Context, *Lease) error {
	return func(ctx context.Context, l *Lease) error {
		for {
			p.gate.Lock()
			err := l.Check()
			if err == nil {
				r.add(send{p.name, l.Token(), time.Now()})
			}
			p.gate.Unlock()
			if err != nil {
				return err
			}
			if yields && l.Wanted() {
				return ErrYield
			}
			if err := pause.For(ctx, 250*time.Millisecond); err != nil {
				return err
			}
		}
	}
}

// Two processes never send at once, and a second lies between the sending of one
// and that of another, however wrong their clocks are, however late or lost the
// answers of the state database, and whoever is stopped for how long.
func TestNeverTwoAtOnce(t *testing.T) {
	takeovers := 0
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			store, sent := newMemory(), &record{}
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			var processes []*process
			for i := range 4 {
				skew := time.Duration(random.IntN(7200)-3600) * time.Second
				p := newProcess(store, fmt.Sprint("p", i), fmt.Sprint("source", i%2), random.Uint64(), skew, float64(i%3)/10)
				processes = append(processes, p)
				work := p.sender(sent, random.IntN(2) == 0)
				group.Go(func() { _ = p.Hold(ctx, "key", work) })
			}
			for range 20 {
				p := processes[random.IntN(len(processes))]
				p.gate.Lock()
				_ = pause.For(ctx, time.Duration(random.IntN(30_000))*time.Millisecond)
				p.gate.Unlock()
				_ = pause.For(ctx, time.Duration(random.IntN(20_000))*time.Millisecond)
			}
			cancel()
			group.Wait()
			for i, s := range sent.sends[1:] {
				last := sent.sends[i]
				switch {
				case s.token < last.token:
					t.Errorf("seed %d: token %d sent after token %d", seed, s.token, last.token)
				case s.token > last.token:
					takeovers++
					if gap := s.at.Sub(last.at); gap < Settle {
						t.Errorf("seed %d: %s sent %s after %s", seed, s.by, gap, last.by)
					}
				}
			}
		})
	}
	if takeovers < 300 {
		t.Errorf("%d takeovers: this tests little", takeovers)
	}
}

// A holder that dies is followed within 15 seconds, by a process whose clock may
// be hours away.
func TestTakeoverAfterDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sent := newMemory(), &record{}
		ctx, cancel := context.WithCancel(t.Context())
		one, two := newProcess(store, "one", "s", 1, 0, 0), newProcess(store, "two", "s", 2, -3*time.Hour, 0)
		var group sync.WaitGroup
		group.Go(func() { _ = one.Hold(ctx, "key", one.sender(sent, false)) })
		_ = pause.For(ctx, 5*time.Second)
		group.Go(func() { _ = two.Hold(ctx, "key", two.sender(sent, false)) })
		_ = pause.For(ctx, 31*time.Second)
		if sent.by("one") < 100 || sent.by("two") != 0 {
			t.Errorf("before: one sent %d, two %d", sent.by("one"), sent.by("two"))
		}
		one.gate.Lock()
		died := time.Now()
		_ = pause.For(ctx, 15*time.Second)
		if sent.by("two") == 0 {
			t.Errorf("two has sent nothing %s after the death of one", time.Since(died))
		}
		before := sent.by("one")
		one.gate.Unlock() // it was only stopped
		_ = pause.For(ctx, 10*time.Second)
		if after := sent.by("one"); after != before {
			t.Errorf("one sent %d more", after-before)
		}
		cancel()
		group.Wait()
	})
}

// A planned stop leaves the lease free: nobody waits for its end.
func TestReleaseIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sent := newMemory(), &record{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		one, two := newProcess(store, "one", "s", 1, 0, 0), newProcess(store, "two", "s", 2, time.Hour, 0)
		var group sync.WaitGroup
		stopping, stop := context.WithCancel(ctx)
		group.Go(func() { _ = one.Hold(stopping, "key", one.sender(sent, false)) })
		_ = pause.For(ctx, 3*time.Second)
		group.Go(func() { _ = two.Hold(ctx, "key", two.sender(sent, false)) })
		_ = pause.For(ctx, 3*time.Second)
		stop()
		_ = pause.For(ctx, Poll+Settle+50*time.Millisecond)
		if sent.by("two") == 0 {
			t.Error("two has sent nothing")
		}
		cancel()
		group.Wait()
	})
}

// Processes that serve different sources with one key take turns; a stand-by for
// the same source waits.
func TestSourcesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sent := newMemory(), &record{}
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i, source := range []string{"north", "south", "east", "north"} {
			p := newProcess(store, fmt.Sprint(source, i), source, uint64(i), 0, 0)
			group.Go(func() { _ = p.Hold(ctx, "key", p.sender(sent, true)) })
			_ = pause.For(ctx, 2*time.Second)
		}
		_ = pause.For(ctx, 10*time.Minute)
		cancel()
		group.Wait()
		for _, name := range []string{"south1", "east2"} {
			if n := sent.by(name); n < 300 {
				t.Errorf("%s sent %d times in ten minutes", name, n)
			}
		}
		if north := sent.by("north0") + sent.by("north3"); north < 300 {
			t.Errorf("north sent %d times in ten minutes", north)
		}
	})
}

func TestOnceSaysWhoHasTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, sent := newMemory(), &record{}
		ctx, cancel := context.WithCancel(t.Context())
		busy, polite := newProcess(store, "busy", "s", 1, 0, 0), newProcess(store, "polite", "s", 2, 0, 0)
		command := newProcess(store, "connect", "connect", 3, 0, 0)
		var group sync.WaitGroup
		group.Go(func() { _ = busy.Hold(ctx, "a", busy.sender(sent, false)) })
		group.Go(func() { _ = polite.Hold(ctx, "b", polite.sender(sent, true)) })
		_ = pause.For(ctx, 5*time.Second)
		worked := false
		work := func(context.Context, *Lease) error { worked = true; return nil }
		err := command.Once(ctx, "a", 30*time.Second, work)
		if held, ok := errors.AsType[*HeldError](err); !ok || held.Holder != "busy" || worked {
			t.Errorf("error %v, worked %v", err, worked)
		}
		if err := command.Once(ctx, "b", 40*time.Second, work); err != nil || !worked {
			t.Errorf("error %v, worked %v", err, worked)
		}
		before := sent.by("polite")
		_ = pause.For(ctx, 10*time.Second)
		if sent.by("polite") == before {
			t.Error("the one that gave way does not go on")
		}
		cancel()
		group.Wait()
	})
}

// A virtual machine that was suspended finds its monotonic clock where it was.
func TestSuspendedMachineKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := time.Now()
		l := &Lease{now: func() time.Time { return clock }, granted: clock}
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		clock = clock.Round(0).Add(time.Hour) // without a monotonic reading
		if err := l.Check(); !errors.Is(err, ErrLost) {
			t.Errorf("after an hour: %v", err)
		}
	})
}

// What work ends with comes back, and the lease is free then.
func TestWorkEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		p := newProcess(store, "one", "s", 1, 0, 0)
		broken := errors.New("broken")
		err := p.Hold(t.Context(), "key", func(context.Context, *Lease) error { return broken })
		if !errors.Is(err, broken) || store.rows["key"].Holder != "" {
			t.Errorf("error %v, lease %+v", err, store.rows["key"])
		}
	})
}

// A renewal lasts from before it was sent: its answer may have been on the way
// while the lease ended.
func TestLateAnswerRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Lease{now: time.Now, granted: time.Now()}
		sent := time.Now()
		_ = pause.For(t.Context(), TTL)
		l.renewed(sent, false, true)
		if err := l.Check(); !errors.Is(err, ErrLost) {
			t.Errorf("after a late answer: %v", err)
		}
	})
}

// late is a Store whose renewals are done at once and answered after the lease
// has ended, as when the process is stopped in between.
type late struct{ Store }

func (s late) RenewLease(ctx context.Context, key string, token int64) (Row, bool, error) {
	row, ok, err := s.Store.RenewLease(ctx, key, token)
	_ = pause.For(context.WithoutCancel(ctx), TTL+Margin)
	return row, ok, err
}

func TestStoppedDuringRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := Keeper{Store: late{newMemory()}, Holder: "one", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
		var checked error
		err := k.Once(t.Context(), "key", time.Minute, func(ctx context.Context, l *Lease) error {
			_ = pause.For(context.WithoutCancel(ctx), Renew+TTL+Margin-Settle+50*time.Millisecond) // just after the answer
			checked = l.Check()
			return ctx.Err()
		})
		if !errors.Is(checked, ErrLost) {
			t.Errorf("just after the answer: %v (ended with %v)", checked, err)
		}
	})
}

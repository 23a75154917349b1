package lease

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/pause"
)

// team is processes that share leases.
type team struct {
	*memory
	leases  int
	members map[string]*member

	mu    sync.Mutex
	beats map[string]int64
	who   map[string]string // serves each lease now
	moves int
	wrong []string
}

// member is one process of a team.
type member struct {
	stop    context.CancelFunc
	network *cut
	ended   sync.WaitGroup
}

// cut is a way to the store that can be cut: the process is dead to all others.
type cut struct {
	*memory
	team *team
	mu   sync.Mutex
	off  bool
}

func (c *cut) dead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.off
}

func (c *cut) read(ctx context.Context, _ []string) (map[string]Row, error) {
	if c.dead() {
		return nil, errLostOnTheWay
	}
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	return maps.Clone(c.memory.rows), nil
}

func (c *cut) RenewLease(ctx context.Context, key string, token int64) (Row, bool, error) {
	if c.dead() {
		return Row{}, false, errLostOnTheWay
	}
	return c.memory.RenewLease(ctx, key, token)
}

func (c *cut) ReleaseLease(ctx context.Context, key string, token int64) error {
	if c.dead() {
		return errLostOnTheWay
	}
	return c.memory.ReleaseLease(ctx, key, token)
}

func (c *cut) Beat(_ context.Context, holder string) ([]Fellow, error) {
	if c.dead() {
		return nil, errLostOnTheWay
	}
	t := c.team
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beats[holder]++
	var all []Fellow
	for name, beats := range t.beats {
		f := Fellow{Holder: name, Beats: beats}
		for i := range t.leases {
			if row, _ := t.Lease(context.Background(), fmt.Sprint(i)); row.Holder == name {
				f.Leases++
			}
		}
		all = append(all, f)
	}
	return all, nil
}

func (c *cut) Forget(_ context.Context, f Fellow) error {
	if c.dead() {
		return errLostOnTheWay
	}
	c.team.mu.Lock()
	defer c.team.mu.Unlock()
	if c.team.beats[f.Holder] == f.Beats {
		delete(c.team.beats, f.Holder)
	}
	return nil
}

func newTeam(leases int) *team {
	return &team{memory: newMemory(), leases: leases, members: map[string]*member{}, beats: map[string]int64{}, who: map[string]string{}}
}

// join starts a process that wants some of the leases, at most all.
func (t *team) join(name string, wants int) {
	ctx, stop := context.WithCancel(context.Background())
	m := &member{stop: stop, network: &cut{memory: t.memory, team: t}}
	t.members[name] = m
	log := slog.New(slog.DiscardHandler)
	share := &Share{Fellows: m.network, Holder: name, Leases: t.leases, Now: time.Now, Log: log}
	board := &Board{Store: m.network, Now: time.Now, Read: m.network.read}
	k := &Keeper{Store: board, Holder: name, Serves: "chamber", Now: time.Now, Log: log, Share: share}
	m.ended.Go(func() {
		share.Look(ctx)
		m.ended.Go(func() { _ = share.Run(ctx) })
		for i := range wants {
			m.ended.Go(func() {
				_ = k.Hold(ctx, fmt.Sprint(i), func(ctx context.Context, l *Lease) error { return t.serve(ctx, l, name) })
			})
		}
	})
}

// serve is the work with a lease, which ends when another wants it.
func (t *team) serve(ctx context.Context, l *Lease, name string) error {
	t.mu.Lock()
	if other, served := t.who[l.Key()]; served {
		t.wrong = append(t.wrong, fmt.Sprintf("%s serves %s while %s does", name, l.Key(), other))
	}
	t.who[l.Key()] = name
	t.moves++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.who[l.Key()] == name {
			delete(t.who, l.Key())
		}
	}()
	for !l.Wanted() && l.Check() == nil {
		if err := pause.For(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return ErrYield
}

// dies lets a process die: its work ends, and it says nothing any more.
func (t *team) dies(name string) {
	m := t.members[name]
	m.network.mu.Lock()
	m.network.off = true
	m.network.mu.Unlock()
	m.stop()
	m.ended.Wait()
}

func (t *team) stops(name string) {
	t.members[name].stop()
	t.members[name].ended.Wait()
}

// shares are how many leases each process serves, the most first.
func (t *team) shares() (n []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	by := map[string]int{}
	for _, name := range t.who {
		by[name]++
	}
	for _, leases := range by {
		n = append(n, leases)
	}
	slices.SortFunc(n, func(a, b int) int { return b - a })
	return n
}

// end stops everybody.
func (t *team) end(test *testing.T) {
	for name := range t.members {
		t.stops(name)
	}
	for _, w := range t.wrong {
		test.Error(w)
	}
}

// want wants the leases to be shared so after a time.
func (t *team) want(test *testing.T, when string, after time.Duration, shares ...int) {
	test.Helper()
	_ = pause.For(context.Background(), after)
	synctest.Wait()
	if got := t.shares(); !slices.Equal(got, shares) {
		test.Errorf("%s: the workers serve %v, want %v", when, got, shares)
	}
}

func TestLeasesAreSharedEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(20)
		x.join("a", 20)
		x.want(t, "alone", 3*time.Second, 20)
		x.join("b", 20)
		x.want(t, "with a second one", Slice+10*time.Second, 10, 10)
		x.join("c", 20)
		x.want(t, "with a third one", Slice+10*time.Second, 7, 7, 6)
		moved := x.moves
		x.want(t, "later", time.Minute, 7, 7, 6)
		if x.moves != moved {
			t.Errorf("leases were handed over %d times although they are shared evenly", x.moves-moved)
		}
		x.dies("a")
		_ = pause.For(t.Context(), TTL+Poll+Settle+100*time.Millisecond)
		// All that it had is with others. They even out at once, which takes leases
		// away for a moment.
		for i := range x.leases {
			if row, _ := x.Lease(t.Context(), fmt.Sprint(i)); row.Holder == "a" {
				t.Errorf("lease %d is still that of a worker who died", i)
			}
		}
		x.want(t, "after a worker died", Slice+10*time.Second, 10, 10)
		x.stops("b")
		x.want(t, "after a planned stop", 2*Poll+Settle+100*time.Millisecond, 20)
		x.end(t)
	})
}

func TestWorkersThatStartTogetherShareLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(9)
		for _, name := range []string{"a", "b", "c", "d"} {
			x.join(name, 9)
		}
		x.want(t, "started together", Slice+10*time.Second, 3, 2, 2, 2)
		x.end(t)
	})
}

// A worker that is alive and cannot serve some leases, as its configuration lacks
// them, keeps nobody from serving them.
func TestALeaseThatAFellowCannotTakeIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newTeam(10)
		x.join("a", 10)
		x.join("b", 2)
		x.want(t, "beside one that takes two", TTL+5*time.Second, 8, 2)
		moved := x.moves
		x.want(t, "later", time.Minute, 8, 2)
		if x.moves != moved {
			t.Errorf("leases were handed over %d times", x.moves-moved)
		}
		x.end(t)
	})
}

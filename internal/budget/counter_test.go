package budget

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// record is a Store in memory. It counts transactions.
type record struct {
	days    map[time.Time]*Record
	changes int
	err     error
}

func newRecord() *record { return &record{days: map[time.Time]*Record{}} }

func (r *record) day(day time.Time) *Record {
	if r.days[day] == nil {
		r.days[day] = &Record{Counts: map[Member]Count{}}
	}
	return r.days[day]
}

func (r *record) ReadDay(_ context.Context, _ string, day time.Time) (Record, error) {
	if r.err != nil {
		return Record{}, r.err
	}
	found := *r.day(day)
	found.Counts = maps.Clone(found.Counts)
	return found, nil
}

func (r *record) change(ctx context.Context, fence Fence, day time.Time, change func(*Record)) error {
	if err := errors.Join(fence(ctx, nil), r.err); err != nil {
		return err
	}
	r.changes++
	change(r.day(day))
	return nil
}

func (r *record) CountCalls(ctx context.Context, fence Fence, _ string, day time.Time, n int, counts map[Member]Count) error {
	return r.change(ctx, fence, day, func(to *Record) {
		to.Taken += n
		maps.Copy(to.Counts, counts)
	})
}

func (r *record) CloseDay(ctx context.Context, fence Fence, _ string, day, until time.Time) error {
	return r.change(ctx, fence, day, func(to *Record) { to.ClosedUntil = until })
}

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func held(context.Context, pgx.Tx) error { return nil }

func newCounterAt(t *testing.T, store Store, at time.Time, members int) (*Counter, *clock, []Member) {
	t.Helper()
	c, m := &clock{at}, membersOf(members)
	return NewCounter(store, held, "main", m, DefaultLimits, c.time), c, m
}

func takeMany(t *testing.T, c *Counter, m Member, n int) {
	t.Helper()
	for i := range n {
		if err := c.Take(t.Context(), m, Ordinary); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

func TestCallsAreCountedBeforeTheyAreMade(t *testing.T) {
	store := newRecord()
	c, _, m := newCounterAt(t, store, hour(9), 2)
	takeMany(t, c, m[0], 1)
	if today := store.day(midnight); today.Taken != Block {
		t.Errorf("%d counted", today.Taken)
	}
	takeMany(t, c, m[0], 99)
	if today := store.day(midnight); today.Taken != 100 || store.changes != 5 {
		t.Errorf("%d counted in %d transactions", today.Taken, store.changes)
	}
	takeMany(t, c, m[1], 3)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	today := store.day(midnight)
	if today.Taken != 103 || today.Counts[m[0]].Calls != 100 || today.Counts[m[1]].Calls != 3 {
		t.Errorf("on record %+v", today)
	}
}

// A crash loses what was left of a block, and no call is forgotten.
func TestCrash(t *testing.T) {
	store := newRecord()
	c, _, m := newCounterAt(t, store, hour(9), 1)
	takeMany(t, c, m[0], 33)
	again, _, _ := newCounterAt(t, store, hour(9), 1)
	used, left, err := again.Used(t.Context(), m[0])
	if err != nil || used != 40 || left != 9000-40 {
		t.Errorf("used %d, left %d, %v", used, left, err)
	}
}

func TestDayEndsAtMidnight(t *testing.T) {
	store := newRecord()
	c, clock, m := newCounterAt(t, store, hour(23.9), 1)
	for range 9000 {
		if err := c.Take(t.Context(), m[0], Ordinary); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Take(t.Context(), m[0], Ordinary)
	spent, ok := errors.AsType[*SpentError](err)
	if !ok || !spent.Until.Equal(hour(24)) {
		t.Fatalf("error %v", err)
	}
	changes := store.changes
	for range 100 {
		_ = c.Take(t.Context(), m[0], Ordinary)
	}
	if store.changes != changes {
		t.Error("a spent day is asked for in the state database")
	}
	clock.now = hour(24)
	takeMany(t, c, m[0], 5)
	if store.day(midnight).Taken != 9000 || store.day(hour(24)).Taken != Block {
		t.Errorf("on record %d and %d", store.day(midnight).Taken, store.day(hour(24)).Taken)
	}
}

// What Constant Contact says counts more than what we counted, and survives a
// restart.
func TestSpentByOthers(t *testing.T) {
	store := newRecord()
	c, clock, m := newCounterAt(t, store, hour(9), 1)
	takeMany(t, c, m[0], 1)
	said, err := c.Spent(t.Context())
	if err != nil || !said.Until.Equal(hour(24)) {
		t.Fatalf("until %v, %v", said, err)
	}
	again, clockAgain, _ := newCounterAt(t, store, hour(9.1), 1)
	for _, counter := range []*Counter{c, again} {
		if _, ok := errors.AsType[*SpentError](counter.Take(t.Context(), m[0], OptOut)); !ok {
			t.Error("a call was allowed")
		}
	}
	clock.now, clockAgain.now = hour(24), hour(24)
	takeMany(t, again, m[0], 1)
	// Its clock is before ours: the day that it means is yesterday.
	if said, _ = again.Spent(t.Context()); !said.Until.Equal(hour(24).Add(earlyPause)) {
		t.Errorf("until %v", said)
	}
	clockAgain.now = said.Until
	takeMany(t, again, m[0], 1)
}

func TestNothingIsMadeUncounted(t *testing.T) {
	store := newRecord()
	c, _, m := newCounterAt(t, store, hour(9), 1)
	away := errors.New("database is away")
	store.err = away
	if err := c.Take(t.Context(), m[0], Ordinary); !errors.Is(err, away) {
		t.Errorf("error %v", err)
	}
	store.err = nil
	takeMany(t, c, m[0], Block)
	store.err = away
	if err := c.Take(t.Context(), m[0], Ordinary); !errors.Is(err, away) {
		t.Errorf("error %v", err)
	}
	lost := errors.New("lost")
	fenced := NewCounter(newRecord(), func(context.Context, pgx.Tx) error { return lost }, "main", m, DefaultLimits, func() time.Time { return hour(9) })
	if err := fenced.Take(t.Context(), m[0], Ordinary); !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
}

// Before each attempt: the lease, the budget, the limiter, and the lease again.
func TestWait(t *testing.T) {
	store := newRecord()
	c, _, m := newCounterAt(t, store, hour(9), 1)
	lost, checks := errors.New("lost"), 0
	lostAt := 0
	check := func() error {
		if checks++; checks == lostAt {
			return lost
		}
		return nil
	}
	limited := 0
	wait := c.Wait(m[0], Ordinary, check, func(context.Context) error { limited++; return nil })
	if err := wait(t.Context()); err != nil || checks != 2 || limited != 1 {
		t.Errorf("%v after %d checks, limited %d times", err, checks, limited)
	}
	checks, lostAt = 0, 1
	if err := wait(t.Context()); !errors.Is(err, lost) || limited != 1 {
		t.Errorf("%v, limited %d times", err, limited)
	}
	checks, lostAt = 0, 2
	if err := wait(t.Context()); !errors.Is(err, lost) || limited != 2 {
		t.Errorf("%v, limited %d times", err, limited)
	}
	if used, _, _ := c.Used(t.Context(), m[0]); used != 2 {
		t.Errorf("%d calls used", used)
	}
}

func TestLingerFollowsWhatFlushesCost(t *testing.T) {
	c, _, m := newCounterAt(t, newRecord(), hour(0), 1)
	takeMany(t, c, m[0], 501)
	linger := func() time.Duration {
		t.Helper()
		d, err := c.Linger(t.Context(), m[0], 2*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return d.Truncate(time.Second)
	}
	if d := linger(); d != 40*time.Second { // 4 calls × 86,400 s ÷ 8,499
		t.Errorf("lingers %s", d)
	}
	c.Flushed(m[0]) // 501 calls
	for range 60 {
		takeMany(t, c, m[0], 2)
		c.Flushed(m[0])
	}
	if d := linger(); d != 20*time.Second { // 2 calls × 86,400 s ÷ 8,379
		t.Errorf("lingers %s", d)
	}
}

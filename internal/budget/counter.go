package budget

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Block is how many calls are counted in the state database at once, before they
// are made: a transaction in five seconds at full speed. A process that dies loses
// at most this many of 10,000.
const Block = 20

// firstGuess is what sending changes costs before any were sent: a read of lists,
// a read of people, a change, and a poll.
const firstGuess = 4

// Fence makes a transaction one of the key's only holder; see lease.Lease.
type Fence = func(ctx context.Context, tx pgx.Tx) error

// Record is a day as it is on record.
type Record struct {
	Taken       int // calls counted, made or not
	Counts      map[Member]Count
	ClosedUntil time.Time // zero: not closed
}

// Store keeps the days of keys. Each change is one transaction, fenced.
type Store interface {
	// ReadDay reads a day of a key; one without a record is empty.
	ReadDay(ctx context.Context, key string, day time.Time) (Record, error)
	// CountCalls adds n to the calls taken and replaces the counts given.
	CountCalls(ctx context.Context, fence Fence, key string, day time.Time, n int, counts map[Member]Count) error
	// CloseDay records until when no call is to be made.
	CloseDay(ctx context.Context, fence Fence, key string, day, until time.Time) error
}

// Counter counts the calls of one key while this process holds its lease. Nobody
// else counts meanwhile, so what it knows is true. It is safe for concurrent use.
type Counter struct {
	store   Store
	fence   Fence
	key     string
	members []Member
	limits  Limits
	now     func() time.Time

	mu      sync.Mutex
	day     *Day // nil: not read yet
	taken   int  // calls of the day on record
	block   int  // of these, not made yet
	changed map[Member]bool
	flush   map[Member]*flush
}

// flush is what sending a member's changes costs.
type flush struct {
	calls int     // since the last one ended
	usual float64 // moving average
}

// NewCounter returns a counter. Members are all associations that share the key,
// as far as they are known; others are added when the day has calls of theirs.
func NewCounter(store Store, fence Fence, key string, members []Member, limits Limits, now func() time.Time) *Counter {
	return &Counter{
		store: store, fence: fence, key: key, members: members, limits: limits, now: now,
		changed: map[Member]bool{}, flush: map[Member]*flush{},
	}
}

// Take counts one call that is about to be made. Without one left the error is a
// *SpentError, and nothing may be sent.
func (c *Counter) Take(ctx context.Context, m Member, class Class) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return err
	}
	if err := c.day.Check(m, class, now); err != nil {
		return err
	}
	if c.block == 0 {
		if err := c.save(ctx, min(Block, c.limits.Daily-c.taken)); err != nil {
			return err
		}
	}
	c.block--
	c.day.take(m, class, now)
	c.changed[m] = true
	c.flushOf(m).calls++
	return nil
}

// Check returns the *SpentError that Take would return now.
func (c *Counter) Check(ctx context.Context, m Member, class Class) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return err
	}
	return c.day.Check(m, class, now)
}

// today reads the day's record when a day begins. What is left of yesterday's
// block is yesterday's.
func (c *Counter) today(ctx context.Context, now time.Time) error {
	start := StartOfDay(now)
	if c.day != nil && c.day.start.Equal(start) {
		return nil
	}
	r, err := c.store.ReadDay(ctx, c.key, start)
	if err != nil {
		return err
	}
	c.day, c.taken, c.block = NewDay(c.limits, c.members, r, now), r.Taken, 0
	clear(c.changed)
	return nil
}

// save counts n more calls, or takes some back, with what has changed.
func (c *Counter) save(ctx context.Context, n int) error {
	counts := map[Member]Count{}
	for m := range c.changed {
		counts[m] = c.day.counts[m]
	}
	if err := c.store.CountCalls(ctx, c.fence, c.key, c.day.start, n, counts); err != nil {
		return err
	}
	clear(c.changed)
	c.taken += n
	c.block += n
	return nil
}

// Wait returns what a client waits for before each attempt: that the lease is
// held, that a call is left, that the last call is long enough ago, and that the
// lease is held still.
func (c *Counter) Wait(m Member, class Class, check func() error, limit func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := check(); err != nil {
			return err
		}
		if err := c.Take(ctx, m, class); err != nil {
			return err
		}
		if err := limit(ctx); err != nil {
			return err
		}
		return check()
	}
}

// Spent records that Constant Contact said that the day is spent. It returns the
// error to go on with: no call is made before its time, also after a restart.
func (c *Counter) Spent(ctx context.Context) (*SpentError, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return nil, err
	}
	until := askAgain(now)
	if err := c.store.CloseDay(ctx, c.fence, c.key, c.day.start, until); err != nil {
		return nil, err
	}
	c.day.closedUntil = until
	return &SpentError{Until: until}, nil
}

// Linger is how long a member's changes are gathered now; see Day.Linger.
func (c *Counter) Linger(ctx context.Context, m Member, base time.Duration) (time.Duration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return 0, err
	}
	return c.day.Linger(m, c.flushOf(m).usual, base, now), nil
}

// Flushed says that a member's changes were sent, with all calls since the last
// time.
func (c *Counter) Flushed(m Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.flushOf(m)
	f.usual += (float64(f.calls) - f.usual) * 0.3
	f.calls = 0
}

func (c *Counter) flushOf(m Member) *flush {
	if c.flush[m] == nil {
		c.flush[m] = &flush{usual: firstGuess}
	}
	return c.flush[m]
}

// Used is how many calls the key has made today, and how many a member may still
// make, ordinary ones.
func (c *Counter) Used(ctx context.Context, m Member) (used, left int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.today(ctx, now); err != nil {
		return 0, 0, err
	}
	return c.day.Used(), max(c.day.Left(m, Ordinary, now), 0), nil
}

// Close gives back what was counted and not made. It is to be called before the
// lease is released.
func (c *Counter) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.day == nil || c.block == 0 && len(c.changed) == 0 {
		return nil
	}
	err := c.save(ctx, -c.block)
	c.day = nil
	return err
}

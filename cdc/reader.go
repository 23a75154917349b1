package cdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5/pgconn"
)

// Config is what a reader needs.
type Config struct {
	Conn        *pgconn.Config // of the member database; the replication parameters are added
	Slot        string
	Publication string
	Watches     []Watch
	Store       Store
	// SystemID and Timeline are those of the server that the caller looked at,
	// as IDENTIFY_SYSTEM says them. Another one is ErrOtherServer. Empty: the
	// first one that answers is right.
	SystemID string
	Timeline int32
	// Snapshot asks the member database for pg_current_snapshot() over another
	// connection.
	Snapshot func(ctx context.Context) (Snapshot, error)
	// Now is the real time: network deadlines are made from it.
	Now func() time.Time
	Log *slog.Logger
	// MaxKeys is how much a batch holds: keys and further transaction ids. Long
	// keys and requests count for several. There are two batches. Default
	// 40,000, some 10 MiB.
	MaxKeys int
	// SenderTimeout is set as wal_sender_timeout of our session: the server
	// frees the slot so long after a cut, and so long a silent server counts as
	// gone. Default 30 s.
	SenderTimeout time.Duration
}

const (
	defaultMaxKeys       = 40_000
	defaultSenderTimeout = 30 * time.Second

	mostStatusEvery = 10 * time.Second       // a status goes out at least so often
	idleEvery       = 10 * time.Second       // how often a position alone is stored
	idleBytes       = 4 << 20                // or after so much log: more than storing it writes
	flushIdle       = 10 * time.Millisecond  // a batch waits so long for more
	flushBusy       = 200 * time.Millisecond // a batch is so old at most while more comes

	retryFirst = 100 * time.Millisecond
	retryMost  = 10 * time.Second
)

// After storing a batch whoever stored it rests restShare times as long as that
// took, and not longer than restMost, unless the next one is full. So those who write
// wait for few commits of ours, and what changes again and again is stored once.
const (
	restShare = 49
	restMost  = 250 * time.Millisecond
)

// rest is how long to rest after storing.
func rest(took time.Duration) time.Duration { return min(restShare*took, restMost) }

// Reader follows one slot. Run may be called once at a time.
type Reader struct {
	cfg   Config
	stats Stats
	retry *backoff.ExponentialBackOff

	known   map[uint32]known
	server  server // zero before the first connection, if nobody said which
	trusted LSN    // the slot's position then; the caller of Run has looked at it
	resumed bool   // somebody else may have read the slot since
}

// NewReader returns a reader. It connects to nothing yet. Watches that make no
// sense are an error.
func NewReader(cfg Config) (*Reader, error) {
	if _, err := newDecoder(cfg.Watches, cfg.Log); err != nil {
		return nil, err
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	if cfg.SenderTimeout == 0 {
		cfg.SenderTimeout = defaultSenderTimeout
	}
	return &Reader{cfg: cfg, known: map[uint32]known{}, server: server{cfg.SystemID, cfg.Timeline}, retry: backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(retryFirst), backoff.WithMaxInterval(retryMost), backoff.WithMaxElapsedTime(0))}, nil
}

// Stats are the reader's counters.
func (r *Reader) Stats() *Stats { return &r.stats }

// Run follows the stream until the context ends, whose error it returns then,
// the watches change (ErrWatchesChanged), or something happens that waiting
// does not mend (the package's other errors). A lost connection is made again
// and a batch that could not be stored is read again, for ever, waiting 0.1 s
// up to 10 s. While another process has the slot, Run stands by.
func (r *Reader) Run(ctx context.Context) error {
	standby := false
	return backoff.Retry(func() error {
		err := streamError(r.session(ctx), r.cfg)
		switch {
		case ctx.Err() != nil:
			return backoff.Permanent(ctx.Err())
		case !passing(err):
			return backoff.Permanent(err)
		case !errors.Is(err, ErrSlotInUse):
			r.cfg.Log.Warn("stream was interrupted: connecting again", "slot", r.cfg.Slot, "err", err)
		case !standby:
			r.cfg.Log.Warn("another process reads the slot: standing by", "slot", r.cfg.Slot, "err", err)
		}
		standby = errors.Is(err, ErrSlotInUse)
		r.resumed = true
		return err
	}, backoff.WithContext(r.retry, ctx))
}

// session is one connection, from its start to its end.
func (r *Reader) session(ctx context.Context) error {
	conn, slot, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	stop := context.AfterFunc(ctx, conn.wake)
	defer stop()
	if err := conn.start(ctx, r.cfg.Slot, r.cfg.Publication); err != nil {
		return startError(err, r.cfg)
	}
	if err := r.lookAround(ctx, slot); err != nil {
		return err
	}
	r.stats.Connects.Add(1)
	r.stats.Streaming.Store(true)
	defer r.stats.Streaming.Store(false)
	r.cfg.Log.Info("streaming", "slot", r.cfg.Slot, "durable_lsn", slot.ConfirmedFlushLSN.String())
	return r.stream(ctx, conn, slot.ConfirmedFlushLSN)
}

// stream reads what the server sends. This goroutine fills one batch while the
// saver stores the other.
func (r *Reader) stream(ctx context.Context, conn *wire, confirmed LSN) error {
	s, err := newSession(r, conn, confirmed)
	if err != nil {
		return err
	}
	saving, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b := range s.full {
			began := r.cfg.Now()
			err := r.store(saving, b)
			s.saved <- saved{b, err, r.cfg.Now().Sub(began)}
			conn.wake()
		}
	}()
	defer func() {
		cancel()
		close(s.full)
		<-ended
	}()
	return s.receive(ctx)
}

// store stores one batch. A failure is not tried again here: ending the session
// gives the slot to a stand-by and lets the server shut down, which waits for
// every walsender.
func (r *Reader) store(ctx context.Context, b *Batch) error {
	if !b.empty() {
		shows, err := r.cfg.Snapshot(ctx)
		if err != nil {
			return err
		}
		b.see(shows)
	}
	if err := r.cfg.Store.Save(ctx, b); err != nil {
		return fmt.Errorf("store %d touched keys: %w", b.Len(), err)
	}
	return nil
}

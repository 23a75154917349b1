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
	// Snapshot asks the member database for pg_current_snapshot() over another
	// connection.
	Snapshot func(ctx context.Context) (Snapshot, error)
	// Now is the real time: network deadlines are made from it.
	Now func() time.Time
	Log *slog.Logger
	// MaxKeys is how many keys and transaction ids a batch holds; there are two
	// batches. Default 40,000, some 10 MiB.
	MaxKeys int
}

// Times of the protocol.
const (
	statusEvery = 10 * time.Second // a third of our wal_sender_timeout
	idleEvery   = 10 * time.Second // how often a position is stored when nothing happens
	silence     = 30 * time.Second // without a word of the server the connection is dead
	flushIdle   = 10 * time.Millisecond
	flushBusy   = 200 * time.Millisecond
)

const defaultMaxKeys = 40_000

// Reader follows one slot.
type Reader struct {
	cfg   Config
	stats Stats
}

// NewReader returns a reader. It connects to nothing yet. Watches that make no
// sense are an error.
func NewReader(cfg Config) (*Reader, error) {
	if _, err := newDecoder(cfg.Watches); err != nil {
		return nil, err
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	return &Reader{cfg: cfg}, nil
}

// Stats are the reader's counters.
func (r *Reader) Stats() *Stats { return &r.stats }

// Run follows the stream until the context ends, the watches change
// (ErrWatchesChanged) or something happens that waiting does not mend. Lost
// connections are made again, for ever.
func (r *Reader) Run(ctx context.Context) error {
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond), backoff.WithMaxInterval(10*time.Second), backoff.WithMaxElapsedTime(0))
	standby := false
	return backoff.Retry(func() error {
		err := r.session(ctx, retry.Reset)
		switch {
		case ctx.Err() != nil:
			return backoff.Permanent(ctx.Err())
		case slotInUse(err):
			if !standby {
				r.cfg.Log.Warn("slot is in use by another process: standing by", "slot", r.cfg.Slot)
			}
			standby = true
			return err
		case waiting(err):
			standby = false
			r.cfg.Log.Warn("stream was interrupted: connecting again", "slot", r.cfg.Slot, "err", err)
			return err
		}
		return backoff.Permanent(err)
	}, backoff.WithContext(retry, ctx))
}

// waiting says whether an error may pass by itself.
func waiting(err error) bool {
	for _, lasting := range []error{ErrProtocol, ErrKeyNotPublished, ErrWatchesChanged, ErrSlotLost, ErrSlotMissing, ErrPublicationMissing, ErrNoReplication} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

func slotInUse(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "55006"
}

// session is one connection. A saver goroutine stores one batch while this one
// fills the next.
func (r *Reader) session(ctx context.Context, streaming func()) error {
	conn, confirmed, err := dial(ctx, r.cfg)
	if err != nil {
		return startError(err, r.cfg)
	}
	defer conn.close()
	stop := context.AfterFunc(ctx, conn.close)
	defer stop()
	if err := conn.start(r.cfg.Slot, r.cfg.Publication); err != nil {
		return startError(err, r.cfg)
	}
	r.stats.Connects.Add(1)
	r.cfg.Log.Info("streaming", "slot", r.cfg.Slot)
	streaming()

	dec, err := newDecoder(r.cfg.Watches)
	if err != nil {
		return err
	}
	saveCtx, cancel := context.WithCancel(ctx)
	durable := max(confirmed, LSN(r.stats.Durable.Load()))
	s := &session{
		Reader: r, conn: conn, decoder: dec,
		full: make(chan *Batch), saved: make(chan saved, 1), spare: newBatch(dec.targets),
		durable: durable, promised: durable, received: durable,
	}
	dec.batch = newBatch(dec.targets)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.save(saveCtx, s.full, s.saved)
	}()
	defer func() {
		cancel()
		close(s.full)
		<-ended
	}()
	return s.receive(ctx)
}

type saved struct {
	batch *Batch
	err   error
}

// save stores batches one after the other.
func (r *Reader) save(ctx context.Context, full <-chan *Batch, done chan<- saved) {
	for b := range full {
		err := r.store(ctx, b)
		done <- saved{b, err}
	}
}

// store stores one batch, however long the state database takes to come back.
func (r *Reader) store(ctx context.Context, b *Batch) error {
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond), backoff.WithMaxInterval(10*time.Second), backoff.WithMaxElapsedTime(0))
	return backoff.RetryNotify(func() error {
		if !b.empty() {
			shows, err := r.cfg.Snapshot(ctx)
			if err != nil {
				return err
			}
			b.see(shows)
		}
		return r.cfg.Store.Save(ctx, b)
	}, backoff.WithContext(retry, ctx), func(err error, in time.Duration) {
		r.cfg.Log.Warn("touched keys could not be stored: trying again", "slot", r.cfg.Slot, "keys", b.Len(), "retry_in", in.String(), "err", err)
	})
}

// startError says what to do about a stream that does not start.
func startError(err error, cfg Config) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return err
	}
	switch pgErr.Code {
	case "42704": // undefined_object: slot, or a publication younger than the slot
		return problem(ErrSlotMissing, "slot %q or publication %q does not exist (SQLSTATE 42704); if the publication was created after the slot, drop the slot: select pg_drop_replication_slot('%s')",
			cfg.Slot, cfg.Publication, cfg.Slot)
	case "55000": // object_not_in_prerequisite_state: invalidated
		return lost(cfg.Slot)
	case "42501", "28000":
		return problem(ErrNoReplication, "let the database's owner run: alter role %q replication (SQLSTATE %s)", cfg.Conn.User, pgErr.Code)
	}
	return fmt.Errorf("follow slot %s: %w", cfg.Slot, err)
}

package cdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// MoverConfig is what a mover needs.
type MoverConfig struct {
	// DB is the member database; each session is of the right one.
	DB interface {
		BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
	}
	Log     *slog.Logger
	LogID   uint32 // of the log of changes that the caller looked at; see ChangeLog
	Watches []Watch
	Store   Store
	// Now is the real time.
	Now func() time.Time
	// MaxKeys is how much a batch holds; see Config.
	MaxKeys int
	// Every is the time between two looks at the log, at least. Default 250 ms.
	Every time.Duration
	// Patience is how long the database may take to answer. Default one minute.
	Patience time.Duration
}

const (
	defaultEvery    = 250 * time.Millisecond
	defaultPatience = time.Minute

	// sweepEvery is how often the log is read from its beginning. What this finds
	// is nothing, unless somebody has put rows of another server into the log.
	sweepEvery = time.Minute
	// settling is how many passes after one with rows store the position alone: what
	// was committed without waiting for the disk is on it a moment later.
	settling = 3
	// logRows is how many rows a pass takes at most, each with a statement's keys,
	// and fetchRows how many of them are on their way at once.
	logRows   = 10_000
	fetchRows = 200
	// restLog is how long a mover rests at most while rows come in.
	restLog = time.Second
)

// Mover moves the rows of the log of changes into a store, where triggers capture
// changes. Run may be called once at a time.
type Mover struct {
	cfg   MoverConfig
	stats Stats
	retry *backoff.ExponentialBackOff

	reading *logReading
	batch   *Batch
	ids     []pgtype.UUID // of the rows in the batch
	from    uint64        // the lowest xid in the batch
	to      uint64        // the highest one

	// low is an xid: the log holds no row of an earlier transaction that could
	// still come to be seen.
	low     uint64
	sweepAt time.Time
	stored  LSN
	idleAt  time.Time // when a position alone may be stored again
	settles int       // how many passes may at once
	robbed  bool      // that somebody else empties the log is told
}

// NewMover returns a mover. It connects to nothing yet. Watches that make no sense
// are an error.
func NewMover(cfg MoverConfig) (*Mover, error) {
	reading, err := newLogReading(cfg.Watches, cfg.Log)
	if err != nil {
		return nil, err
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	if cfg.Every == 0 {
		cfg.Every = defaultEvery
	}
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	return &Mover{
		cfg: cfg, reading: reading, batch: newBatch(reading.targets), retry: backoff.NewExponentialBackOff(
			backoff.WithInitialInterval(retryFirst), backoff.WithMaxInterval(retryMost), backoff.WithMaxElapsedTime(0)),
	}, nil
}

// Stats are the mover's counters.
func (m *Mover) Stats() *Stats { return &m.stats }

// Run moves until the context ends, whose error it returns then, the watches
// change (ErrWatchesChanged), or something happens that waiting does not mend (the
// package's other errors). Whatever else fails is tried again for ever, waiting
// 0.1 s up to 10 s.
func (m *Mover) Run(ctx context.Context) error {
	return backoff.Retry(func() error {
		err := m.session(ctx)
		switch {
		case ctx.Err() != nil:
			return backoff.Permanent(ctx.Err())
		case !passing(err):
			return backoff.Permanent(err)
		}
		m.cfg.Log.Warn("the log of changes could not be moved: trying again", "err", err)
		return err
	}, backoff.WithContext(m.retry, ctx))
}

// session moves until something fails.
func (m *Mover) session(ctx context.Context) error {
	m.low, m.sweepAt, m.robbed = 0, m.cfg.Now().Add(sweepEvery), false
	defer m.stats.Streaming.Store(false)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		began := m.cfg.Now()
		more, err := m.pass(ctx)
		if err != nil {
			return err
		}
		m.retry.Reset()
		if !m.stats.Streaming.Swap(true) {
			m.stats.Connects.Add(1)
			m.cfg.Log.Info("moving the log of changes", "durable_lsn", m.stored.String())
		}
		timer.Reset(m.next(m.cfg.Now().Sub(began), more))
	}
}

// next is how long to wait after a pass: nine times as long as that took, at most
// restLog, so that it takes a tenth of a processor from those who write.
func (m *Mover) next(took time.Duration, more bool) time.Duration {
	if more {
		return 0
	}
	return max(m.cfg.Every, min(9*took, restLog))
}

// pass moves rows once. The keys are durable before their rows are deleted, so
// that whatever happens in between has them moved twice, and not never. more says
// that the log holds more.
func (m *Mover) pass(ctx context.Context) (more bool, err error) {
	now := m.cfg.Now()
	if !now.Before(m.sweepAt) {
		m.low, m.sweepAt = 0, now.Add(sweepEvery)
	}
	m.batch.reset()
	at, low, more, err := m.read(ctx)
	if err != nil {
		return false, logError(err)
	}
	m.stats.Received.Store(uint64(at))
	b := m.batch
	b.End = at
	switch {
	case len(m.ids) > 0:
		m.settles = settling
	case at > m.stored && m.settles > 0:
		m.settles--
	case now.Before(m.idleAt) && at < m.stored+idleBytes:
		m.low = low
		return false, nil
	}
	m.idleAt = now.Add(idleEvery)
	if err := m.cfg.Store.Save(ctx, b); err != nil {
		return false, fmt.Errorf("store %d touched keys: %w", b.Len(), err)
	}
	m.saved()
	if len(m.ids) > 0 {
		if err := m.forget(ctx); err != nil {
			return false, logError(err)
		}
	}
	if m.reading.watchesChanged {
		m.reading.watchesChanged = false
		return false, ErrWatchesChanged
	}
	if !more {
		m.low = low
	}
	return more, nil
}

// read fills the batch. In this order: the position and the lowest transaction
// that is still open, and then, at a later snapshot, the rows. So every commit
// that somebody had been told of before the position is among them, and so is
// every row of a transaction below the lowest open one.
func (m *Mover) read(ctx context.Context) (at LSN, low uint64, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Patience)
	defer cancel()
	// A reader that is serializable would make the application's writers fail.
	tx, err := m.cfg.DB.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadOnly})
	if err != nil {
		return 0, 0, false, fmt.Errorf("read %s: %w", LogTable, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	var id uint32
	err = tx.QueryRow(ctx, `select (pg_catalog.pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint,
		pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text::bigint, coalesce(pg_catalog.to_regclass('rollcall.log')::oid, 0)`).
		Scan((*uint64)(&at), &low, &id)
	switch {
	case err != nil:
		return 0, 0, false, fmt.Errorf("read %s: %w", LogTable, err)
	case id == 0:
		return 0, 0, false, noLog()
	case id != m.cfg.LogID:
		return 0, 0, false, problem(ErrPositions, "the log of changes was made anew; start again to have everything looked at")
	case at < m.stored:
		return 0, 0, false, problem(ErrPositions, "the server has written up to %s, but %s is durable already: it went back in time; "+
			"start again to have everything looked at", at, m.stored)
	}
	more, err = m.readRows(ctx, tx, at)
	return at, low, more, err
}

func (m *Mover) readRows(ctx context.Context, tx pgx.Tx, at LSN) (more bool, err error) {
	m.ids, m.from, m.to = m.ids[:0], math.MaxUint64, 0
	if _, err := tx.Exec(ctx, declareLog, fmt.Sprint(m.low)); err != nil {
		return false, fmt.Errorf("read %s: %w", LogTable, err)
	}
	for {
		fetched, err := m.fetch(ctx, tx, at)
		switch {
		case err != nil:
			return false, fmt.Errorf("read %s: %w", LogTable, err)
		case fetched < fetchRows:
			return false, nil
		case len(m.ids) >= logRows || m.batch.weight >= m.cfg.MaxKeys:
			return true, nil
		}
	}
}

// fetch takes some rows. It may stop before the last of them when the batch is
// full, and says then that there were all.
func (m *Mover) fetch(ctx context.Context, tx pgx.Tx, at LSN) (fetched int, err error) {
	rows, err := tx.Query(ctx, fmt.Sprintf("fetch %d from moved", fetchRows))
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var row logRow
		if err := rows.Scan(row.targets()...); err != nil {
			return 0, err
		}
		if row.xid != m.to || len(m.ids) == 0 {
			m.batch.Transactions++
		}
		m.reading.take(&row, m.batch, at)
		m.ids = append(m.ids, row.id)
		m.from, m.to = min(m.from, row.xid), max(m.to, row.xid)
		if fetched++; m.batch.weight >= m.cfg.MaxKeys {
			return fetchRows, nil
		}
	}
	return fetched, rows.Err()
}

// saved accounts for a stored batch.
func (m *Mover) saved() {
	b := m.batch
	m.stored = b.End
	m.stats.Durable.Store(uint64(b.End))
	m.stats.Transactions.Add(int64(b.Transactions))
	m.stats.Changes.Add(int64(b.Changes))
	m.stats.Batches.Add(1)
	m.stats.Refused.Add(int64(b.refused))
	if b.refused > 0 {
		m.cfg.Log.Warn("dropped requests in the log of changes that are not what the functions of schema rollcall write",
			"messages", b.refused, "durable_lsn", b.End.String())
	}
}

// forget deletes exactly the rows that are stored; between them there may be rows
// of transactions that nobody sees yet. Nobody waits for this commit: where it is
// lost, the rows are moved again.
func (m *Mover) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.Patience)
	defer cancel()
	tx, err := m.cfg.DB.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return fmt.Errorf("empty %s: %w", LogTable, err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing to do after a commit
	if _, err := tx.Exec(ctx, "set local synchronous_commit = off"); err != nil {
		return fmt.Errorf("empty %s: %w", LogTable, err)
	}
	tag, err := tx.Exec(ctx, "delete from rollcall.log where xid between $1::text::xid8 and $2::text::xid8 and id = any($3)",
		fmt.Sprint(m.from), fmt.Sprint(m.to), m.ids)
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("empty %s: %w", LogTable, err)
	}
	if gone := int64(len(m.ids)) - tag.RowsAffected(); err == nil && gone > 0 && !m.robbed {
		m.robbed = true
		m.cfg.Log.Error("somebody else empties the log of changes too, so each misses changes: only one installation may follow a database by triggers; "+
			"stop the other one, and run select rollcall.touch('all', null)", "count", gone)
	}
	return err
}

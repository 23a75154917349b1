package cdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// session is the receiving side of one connection.
type session struct {
	*Reader
	conn    *wire
	decoder *decoder

	full  chan *Batch // to the saver
	saved chan saved  // from the saver
	spare *Batch      // nil while the saver has a batch

	received LSN // everything before it came
	durable  LSN // everything before it is stored
	promised LSN // End of the last complete transaction or idle position handed over

	statusAt  time.Time // when the next status is due
	idleAt    time.Time // when an idle position may be stored again
	startedAt time.Time // when the batch got its first key
}

// receive reads the stream until something ends it.
func (s *session) receive(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.housekeeping(ctx); err != nil {
			return err
		}
		if s.batchFull() {
			// Not reading lets the server wait; the status goes on.
			if err := s.waitForSaver(ctx); err != nil {
				return err
			}
			continue
		}
		kind, body, err := s.conn.next(s.deadline())
		switch {
		case errors.Is(err, errIdle):
			if err := s.offer(); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		}
		if err := s.handle(kind, body); err != nil {
			return err
		}
		if s.decoder.watchesChanged && !s.decoder.inTxn {
			return s.finish(ctx)
		}
	}
}

// handle takes one message of the server.
func (s *session) handle(kind byte, body []byte) error {
	switch {
	case kind != 'd':
		if kind == 'c' || kind == 'C' {
			return errors.New("read stream: the server ended it")
		}
		return serverError(kind, body)
	case len(body) == 0: // skipped
		return nil
	case body[0] == 'k' && len(body) == 18:
		return s.keepalive(LSN(binary.BigEndian.Uint64(body[1:])), body[17] == 1)
	case body[0] == 'w' && len(body) > 25:
		start := LSN(binary.BigEndian.Uint64(body[1:]))
		if err := s.decoder.message(body[25:]); err != nil {
			return fmt.Errorf("decode stream at %s: %w", start, err)
		}
		s.received = max(s.received, start)
		s.stats.Received.Store(uint64(s.received))
		return nil
	}
	return problem(ErrProtocol, "unknown copy message %q", body[0])
}

// keepalive says how far the server has come. Only while nothing is on its way
// is that a position that may be stored.
func (s *session) keepalive(end LSN, wantsReply bool) error {
	s.received = max(s.received, end)
	s.stats.Received.Store(uint64(s.received))
	now := s.cfg.Now()
	quiet := s.spare != nil && s.decoder.batch.empty() && !s.decoder.inTxn && !s.conn.buffered()
	if quiet && end > s.promised && !now.Before(s.idleAt) {
		s.decoder.batch.End = max(s.decoder.batch.End, end)
		s.idleAt = now.Add(idleEvery)
		s.hand()
	}
	if wantsReply {
		return s.sendStatus(false)
	}
	return nil
}

// housekeeping does what is due whatever the stream does.
func (s *session) housekeeping(ctx context.Context) error {
	select {
	case done := <-s.saved:
		if err := s.take(ctx, done); err != nil {
			return err
		}
	default:
	}
	now := s.cfg.Now()
	if s.startedAt.IsZero() && !s.decoder.batch.empty() {
		s.startedAt = now
	}
	if !s.startedAt.IsZero() && now.Sub(s.startedAt) >= flushBusy {
		if err := s.offer(); err != nil {
			return err
		}
	}
	if silent := now.Sub(s.conn.lastReceived); silent > silence && s.spare != nil {
		return fmt.Errorf("read stream: no word of the server for %s", silent)
	}
	if !now.Before(s.statusAt) {
		return s.sendStatus(true)
	}
	return nil
}

func (s *session) deadline() time.Time {
	if s.spare != nil && (!s.decoder.batch.empty() || s.decoder.batch.End > s.promised) {
		return s.cfg.Now().Add(flushIdle)
	}
	if s.spare == nil {
		return s.cfg.Now().Add(flushIdle) // to hear of the saver soon
	}
	return s.statusAt
}

func (s *session) batchFull() bool {
	b := s.decoder.batch
	return len(b.entries)+b.xids >= s.cfg.MaxKeys
}

// offer hands the batch to the saver if it is free and there is something to
// save: keys, or a transaction that touched none.
func (s *session) offer() error {
	b := s.decoder.batch
	if s.spare == nil || b.empty() && (b.End <= s.promised || s.cfg.Now().Before(s.idleAt)) {
		return nil
	}
	if b.empty() {
		s.idleAt = s.cfg.Now().Add(idleEvery)
	}
	s.hand()
	return nil
}

// hand gives the batch to the saver, which is free. In the middle of a
// transaction the batch has keys of changes that nobody can see yet: they are
// stored early, and the position stays before the transaction.
func (s *session) hand() {
	b := s.decoder.batch
	b.End = max(b.End, s.promised)
	s.promised = b.End
	s.decoder.batch, s.spare = s.spare, nil
	s.decoder.batch.End = b.End
	s.startedAt = time.Time{}
	s.full <- b
}

// take accounts for a stored batch and acknowledges it.
func (s *session) take(ctx context.Context, done saved) error {
	if done.err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("store touched keys: %w", done.err)
	}
	s.durable = max(s.durable, done.batch.End)
	s.stats.Durable.Store(uint64(s.durable))
	s.stats.Transactions.Add(int64(done.batch.Transactions))
	s.stats.Changes.Add(int64(done.batch.Changes))
	s.stats.Batches.Add(1)
	s.stats.Ignored.Store(s.decoder.ignoredMessages)
	done.batch.reset()
	s.spare = done.batch
	return s.sendStatus(false)
}

// waitForSaver waits for the saver without reading, but keeps the server
// informed.
func (s *session) waitForSaver(ctx context.Context) error {
	if s.spare != nil {
		s.hand()
		return nil
	}
	timer := time.NewTimer(max(0, s.statusAt.Sub(s.cfg.Now())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case done := <-s.saved:
		s.conn.lastReceived = s.cfg.Now() // the silence was ours
		return s.take(ctx, done)
	case <-timer.C:
		s.conn.lastReceived = s.cfg.Now()
		return s.sendStatus(false)
	}
}

// finish stores what is left and ends the session because the watches changed.
func (s *session) finish(ctx context.Context) error {
	for s.spare == nil {
		if err := s.waitForSaver(ctx); err != nil {
			return err
		}
	}
	s.hand()
	for s.spare == nil {
		if err := s.waitForSaver(ctx); err != nil {
			return err
		}
	}
	return ErrWatchesChanged
}

// sendStatus acknowledges what is durable.
func (s *session) sendStatus(wantReply bool) error {
	s.statusAt = s.cfg.Now().Add(statusEvery)
	return s.conn.status(max(s.received, s.durable), s.durable, wantReply)
}

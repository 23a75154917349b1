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
	promised LSN // End of the last batch that was handed over

	statusEvery time.Duration
	statusAt    time.Time // when the next status is due
	idleAt      time.Time // when a position alone may be stored again
	startedAt   time.Time // when the batch got its first key; zero: it has none
	restsUntil  time.Time // no batch is stored before that, unless it is full
}

// saved is what became of a batch.
type saved struct {
	batch *Batch
	err   error
	took  time.Duration
}

// newSession begins where the slot is acknowledged: a status with less would
// move the slot backwards on older servers.
func newSession(r *Reader, conn *wire, confirmed LSN) (*session, error) {
	d, err := newDecoder(r.cfg.Watches, r.cfg.Log)
	if err != nil {
		return nil, err
	}
	d.batch = newBatch(d.targets)
	d.known = r.known
	return &session{
		Reader: r, conn: conn, decoder: d,
		full: make(chan *Batch), saved: make(chan saved, 1), spare: newBatch(d.targets),
		received: confirmed, durable: confirmed, promised: confirmed,
		statusEvery: min(r.cfg.SenderTimeout/3, mostStatusEvery),
	}, nil
}

// receive reads the stream until something ends it.
func (s *session) receive(ctx context.Context) error {
	var deadline time.Time
	for {
		if !s.conn.buffered() {
			var err error
			if deadline, err = s.housekeeping(ctx); err != nil {
				return err
			}
		}
		if s.decoder.batch.weight >= s.cfg.MaxKeys {
			// Not reading lets the server wait; the status goes on.
			if err := s.waitUntilStored(ctx); err != nil {
				return err
			}
			s.hand(s.cfg.Now())
		}
		kind, body, err := s.conn.next(deadline)
		switch {
		case errors.Is(err, errWoken):
			continue
		case errors.Is(err, errIdle):
			s.offer(s.cfg.Now())
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
	case kind == 'c' || kind == 'C':
		return errors.New("read stream: the server ended it")
	case kind != 'd':
		return serverError(kind, body)
	case len(body) == 0: // skipped
		s.decoder.ignored++
		return nil
	case body[0] == 'k' && len(body) == 18:
		return s.keepalive(LSN(binary.BigEndian.Uint64(body[1:])), body[17] == 1)
	case body[0] == 'w' && len(body) > copyHeader:
		start := LSN(binary.BigEndian.Uint64(body[1:]))
		if err := s.decoder.message(body[copyHeader:]); err != nil {
			return fmt.Errorf("decode stream at %s: %w", start, err)
		}
		s.received = max(s.received, start)
		return nil
	}
	return problem(ErrProtocol, "unknown copy message %q", body[0])
}

// keepalive says how far the server has come. Only when nothing is on its way
// is that a position to store; then it must be, or an idle publication would
// hold the log of a busy database. A server that wants a reply is waiting for
// us, perhaps in order to shut down.
func (s *session) keepalive(end LSN, wantsReply bool) error {
	s.received = max(s.received, end)
	now := s.cfg.Now()
	b := s.decoder.batch
	quiet := s.spare != nil && b.empty() && !s.decoder.inTxn
	if quiet && end > s.promised && (wantsReply || s.idleDue(now, end)) {
		b.End = max(b.End, end)
		s.hand(now)
	}
	if wantsReply {
		s.restsUntil = time.Time{}
		return s.sendStatus(now, false)
	}
	return nil
}

// housekeeping does what is due whatever the stream does, and returns when
// there is something to do again.
func (s *session) housekeeping(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, err
	}
	now := s.cfg.Now()
	select {
	case done := <-s.saved:
		if err := s.take(now, done); err != nil {
			return time.Time{}, err
		}
	default:
	}
	s.stats.Received.Store(uint64(s.received))
	s.stats.Ignored.Add(int64(s.decoder.ignored))
	s.decoder.ignored = 0
	if silent := now.Sub(s.conn.lastReceived); silent > s.cfg.SenderTimeout {
		return time.Time{}, fmt.Errorf("read stream: no word of the server for %s", silent.Round(time.Second))
	}
	switch {
	case s.decoder.batch.empty():
		s.startedAt = time.Time{}
	case s.startedAt.IsZero():
		s.startedAt = now
	case now.Sub(s.startedAt) >= flushBusy:
		s.offer(now)
	}
	if !now.Before(s.statusAt) {
		if err := s.sendStatus(now, true); err != nil {
			return time.Time{}, err
		}
	}
	return s.wakeAt(now), nil
}

// wakeAt is when something is to be done even if nothing arrives. The saver
// wakes us itself.
func (s *session) wakeAt(now time.Time) time.Time {
	at := s.statusAt
	sooner := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	switch b := s.decoder.batch; {
	case s.spare == nil:
	case !b.empty():
		sooner(later(now.Add(flushIdle), s.restsUntil))
	case b.End <= s.promised:
	case s.idleDue(now, b.End):
		sooner(now.Add(flushIdle))
	default:
		sooner(s.idleAt)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// offer hands the batch to the saver if that is free and there is something to
// save: keys, or, now and then, the position of transactions that touched none.
func (s *session) offer(now time.Time) {
	b := s.decoder.batch
	if s.spare == nil || now.Before(s.restsUntil) || b.empty() && (b.End <= s.promised || !s.idleDue(now, b.End)) {
		return
	}
	s.hand(now)
}

// idleDue says whether a position alone is to be stored: it is rarely done, but
// for a database that is so busy that its log would pile up meanwhile.
func (s *session) idleDue(now time.Time, end LSN) bool {
	return !now.Before(s.idleAt) || end >= s.promised+idleBytes
}

// hand gives the batch to the saver, which is free. In the middle of a
// transaction the batch has keys of it already: they are stored early, and the
// position stays before the transaction.
func (s *session) hand(now time.Time) {
	b := s.decoder.batch
	if b.empty() {
		s.idleAt = now.Add(idleEvery)
	}
	b.End = max(b.End, s.promised)
	s.promised = b.End
	s.decoder.batch, s.spare = s.spare, nil
	s.full <- b
}

// take accounts for a stored batch and acknowledges it.
func (s *session) take(now time.Time, done saved) error {
	if done.err != nil {
		return done.err
	}
	b := done.batch
	s.durable = max(s.durable, b.End)
	s.stats.Durable.Store(uint64(s.durable))
	s.stats.Transactions.Add(int64(b.Transactions))
	s.stats.Changes.Add(int64(b.Changes))
	s.stats.Batches.Add(1)
	s.stats.Refused.Add(int64(b.refused))
	if b.refused > 0 {
		s.cfg.Log.Warn("dropped logical messages with our prefix that are not what the functions of schema rollcall write",
			"slot", s.cfg.Slot, "messages", b.refused, "durable_lsn", s.durable.String())
	}
	s.restsUntil = now.Add(rest(done.took))
	b.reset()
	s.spare = b
	s.retry.Reset()
	return s.sendStatus(now, false)
}

// waitForSaver waits for the saver, or until a status is due, without reading.
func (s *session) waitForSaver(ctx context.Context) error {
	now := s.cfg.Now()
	s.conn.lastReceived = now // the silence is ours
	timer := time.NewTimer(s.statusAt.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case done := <-s.saved:
		return s.take(s.cfg.Now(), done)
	case <-timer.C:
		return s.sendStatus(s.cfg.Now(), false)
	}
}

// finish stores what is left and ends the session because the watches changed.
func (s *session) finish(ctx context.Context) error {
	if err := s.waitUntilStored(ctx); err != nil {
		return err
	}
	s.hand(s.cfg.Now())
	if err := s.waitUntilStored(ctx); err != nil {
		return err
	}
	return ErrWatchesChanged
}

// waitUntilStored waits for the batch that the saver has.
func (s *session) waitUntilStored(ctx context.Context) error {
	for s.spare == nil {
		if err := s.waitForSaver(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sendStatus acknowledges what is durable.
func (s *session) sendStatus(now time.Time, wantReply bool) error {
	s.statusAt = now.Add(s.statusEvery)
	return s.conn.status(max(s.received, s.durable), s.durable, wantReply)
}

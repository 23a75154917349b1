package lease

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rollcall/internal/pause"
)

// Fellow is a process that serves the same as this one, or this one itself, as it
// is on record.
type Fellow struct {
	Holder string
	Beats  int64 // grows while it lives
	Leases int   // that it holds of those that are shared
}

// Fellows keeps who shares leases. Each method is one transaction.
type Fellows interface {
	// Beat records that a process lives, and returns all that are on record.
	Beat(ctx context.Context, holder string) ([]Fellow, error)
	// Forget deletes a process, unless it has beaten since.
	Forget(ctx context.Context, f Fellow) error
}

// Share is how the processes that serve the same share a number of leases evenly.
// Each takes at most its share of those that are free, and asks who has more than
// that for the rest.
type Share struct {
	Fellows Fellows
	Holder  string // as the Keeper's
	Leases  int    // how many there are
	Now     func() time.Time
	Log     *slog.Logger

	mu     sync.Mutex
	seen   map[string]*seen
	few    int               // leases for each worker, rounded down
	many   int               // and rounded up; 0 before the first look
	held   map[string]bool   // leases that this process has, or is about to take
	wanted map[string]string // leases that it asks for, by whom it asks
	giving map[string]bool   // leases that it has and gives to who asks
}

// seen is what is known of a fellow.
type seen struct {
	Fellow
	since time.Time // when these beats were seen first
}

// Look finds out who else there is. Before the first look no lease is taken.
func (s *Share) Look(ctx context.Context) {
	if err := s.beat(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("leases cannot be shared now", "err", err)
	}
}

// Run looks again and again until the context ends.
func (s *Share) Run(ctx context.Context) error {
	for {
		if err := pause.For(ctx, Poll); err != nil {
			return s.leave(ctx, err)
		}
		s.Look(ctx)
	}
}

// leave lets the others take at once what this process gives back.
func (s *Share) leave(ctx context.Context, cause error) error {
	s.mu.Lock()
	me, known := s.seen[s.Holder]
	s.mu.Unlock()
	if !known {
		return cause
	}
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
	defer cancel()
	if err := s.Fellows.Forget(leaving, me.Fellow); err != nil {
		s.Log.Warn("others wait until they see that this worker stopped", "err", err)
	}
	return cause
}

func (s *Share) beat(ctx context.Context) error {
	fellows, err := s.Fellows.Beat(ctx, s.Holder)
	if err != nil {
		return err
	}
	for _, dead := range s.count(fellows) {
		if err := s.Fellows.Forget(ctx, dead); err != nil {
			return err
		}
	}
	return nil
}

// count works out the share. Whoever has not beaten for a TTL, by this process's
// clock, is dead.
func (s *Share) count(fellows []Fellow) (dead []Fellow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, before := s.Now(), s.seen
	s.seen = map[string]*seen{}
	live := 0
	for _, f := range fellows {
		known := before[f.Holder]
		if known == nil || known.Beats != f.Beats {
			known = &seen{since: now}
		}
		known.Fellow = f
		s.seen[f.Holder] = known
		if f.Holder != s.Holder && now.Sub(known.since) >= TTL {
			dead = append(dead, f)
			continue
		}
		live++
	}
	was := s.many
	s.few, s.many = s.Leases/max(live, 1), (s.Leases+live-1)/max(live, 1)
	if s.many != was {
		s.Log.Info("leases are shared", "leases", s.Leases, "workers", live, "share", s.many)
	}
	return dead
}

// take says whether a free lease may be taken, and counts it as taken. free is for
// how long it has been free: what nobody takes in a TTL is taken by whoever can,
// and so is what a process held that died.
func (s *Share) take(key string, released bool, free time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, asked := s.wanted[key]
	delete(s.wanted, key)
	if released && !asked && free < TTL && len(s.held)+len(s.wanted) >= s.many {
		return false
	}
	if s.held == nil {
		s.held = map[string]bool{}
	}
	s.held[key] = true
	return true
}

// drop counts a lease as not taken.
func (s *Share) drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, key)
	delete(s.giving, key)
}

// gives says whether to give a lease to who wants it, by the name; empty: nobody
// does. A fellow gets none when this process would have less than its share: several
// may ask at once. Others have a turn of their own.
func (s *Share) gives(key, who string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case who == "":
		delete(s.giving, key)
		return false
	case s.seen[who] == nil || s.giving[key]:
		return true
	case len(s.held)-len(s.giving) <= s.few:
		return false
	}
	if s.giving == nil {
		s.giving = map[string]bool{}
	}
	s.giving[key] = true
	return true
}

// ask says whether to ask the holder of a lease for it: it has more than its
// share, and this process less.
func (s *Share) ask(key, holder string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.wanted == nil {
		s.wanted = map[string]string{}
	}
	delete(s.wanted, key)
	fellow := s.seen[holder]
	if fellow == nil {
		return false
	}
	left := fellow.Leases // once it has given what it is asked for
	for _, of := range s.wanted {
		if of == holder {
			left--
		}
	}
	mine := len(s.held) + len(s.wanted)
	if mine >= s.many || mine >= s.few && left <= s.many || left <= s.few {
		return false
	}
	s.wanted[key] = holder
	return true
}

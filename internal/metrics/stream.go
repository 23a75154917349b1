package metrics

import (
	"sync"

	"rollcall/cdc"
)

// Stream follows the reader of this process. A reader that takes another's place
// goes on counting where that one ended.
type Stream struct {
	mu     sync.Mutex
	before counts
	stats  *cdc.Stats // nil: no reader yet
}

// counts are what readers have done.
type counts struct {
	open                                              bool
	connects, transactions, changes, batches, refused int64
}

// Follow says that a reader with these counters begins.
func (s *Stream) Follow(stats *cdc.Stats) {
	before := s.now()
	before.open = false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.stats = before, stats
}

// Open says whether this process reads the stream.
func (s *Stream) Open() bool { return s.now().open }

func (s *Stream) now() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.before
	if s.stats == nil {
		return c
	}
	c.open = s.stats.Streaming.Load()
	c.connects += s.stats.Connects.Load()
	c.transactions += s.stats.Transactions.Load()
	c.changes += s.stats.Changes.Load()
	c.batches += s.stats.Batches.Load()
	c.refused += s.stats.Refused.Load()
	return c
}

func (s *Stream) received() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stats == nil {
		return 0
	}
	return s.stats.Received.Load()
}

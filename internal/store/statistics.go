package store

import (
	"context"
	"sync"
)

// manyIntents is from how many recorded pairs on the tables' statistics are made
// anew; see growth.
const manyIntents = 2000

// growth is how many pairs this process has put on record. While there are few
// rows the planner takes the tables of calls for small ones, and joins them by
// reading one again and again: minutes for a first sync. The server makes statistics
// by itself, but only a minute later.
type growth struct {
	mu      sync.Mutex
	pairs   int
	counted int // pairs when statistics were last made
}

// add counts pairs and says whether statistics are due: when there are twice as
// many as the last time.
func (g *growth) add(pairs int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pairs += pairs
	if g.pairs < max(manyIntents, 2*g.counted) {
		return false
	}
	g.counted = g.pairs
	return true
}

// grown has statistics made of the tables of calls when that is due.
func (s *Store) grown(ctx context.Context, pairs int) {
	if s.growth.add(pairs) {
		s.analyze(ctx, "rollcall_state.intent, rollcall_state.ledger, rollcall_state.contact")
	}
}

// analyze has the server make statistics of tables that just filled. It is no part
// of a transaction, for which others would wait. A failure is no more than slower
// plans until the server makes them by itself.
func (s *Store) analyze(ctx context.Context, tables string) {
	_, _ = s.pool.Exec(ctx, "analyze "+tables)
}

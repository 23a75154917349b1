package store

import (
	"context"
	"sync"

	"rollcall/sql"
)

// manyIntents is how many pairs of an association that were put on record make it a
// large one; see growth.
const manyIntents = 2000

// growth is how many pairs this process has put on record for an association. Of
// one that the server's statistics do not know it believes that it has no people,
// and finds those of a call by reading all again and again: minutes for a first
// sync. The server would make statistics by itself, but only a minute later.
type growth struct {
	mu     sync.Mutex
	pairs  map[string]int // by association
	looked map[string]int // pairs when the statistics were last looked at
}

func newGrowth() *growth { return &growth{pairs: map[string]int{}, looked: map[string]int{}} }

// add counts pairs and says whether the statistics are to be looked at: when there
// are twice as many pairs as the last time.
func (g *growth) add(association string, pairs int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pairs[association] += pairs
	if g.pairs[association] < max(manyIntents, 2*g.looked[association]) {
		return false
	}
	g.looked[association] = g.pairs[association]
	return true
}

// grown has statistics made when the association has become a large one and they do
// not know it.
func (a *Association) grown(ctx context.Context, pairs int) {
	if !a.growth.add(a.id, pairs) {
		return
	}
	var known bool
	if err := a.pool.QueryRow(ctx, sql.Query("ledger_statistics"), a.id).Scan(&known); err == nil && !known {
		a.analyze(ctx, "rollcall_state.ledger, rollcall_state.contact")
	}
}

// analyze has the server make statistics of tables that just filled. It is no part
// of a transaction, for which others would wait. A failure is no more than slower
// plans until the server makes them by itself.
func (s *Store) analyze(ctx context.Context, tables string) {
	_, _ = s.pool.Exec(ctx, "analyze "+tables)
}

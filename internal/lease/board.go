package lease

import (
	"context"
	"sync"
	"time"
)

// Board is a Store for a process that looks at many leases: it reads them together,
// and answers each look with what it has read within half a Poll. A look that shows
// something older than it might makes a candidate wait longer, never less.
type Board struct {
	Store
	Keys []string
	// Read reads leases; those that nobody ever held are missing.
	Read func(ctx context.Context, keys []string) (map[string]Row, error)
	Now  func() time.Time

	mu     sync.Mutex
	rows   map[string]Row
	readAt time.Time
}

// Lease reads a lease; see Store.
func (b *Board) Lease(ctx context.Context, key string) (Row, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rows == nil || since(b.readAt, b.Now()) >= Poll/2 {
		rows, err := b.Read(ctx, b.Keys)
		if err != nil {
			return Row{}, err
		}
		b.rows, b.readAt = rows, b.Now()
	}
	return b.rows[key], nil
}

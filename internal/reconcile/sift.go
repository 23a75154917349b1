package reconcile

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/failpoint"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// Of a run about everybody so many addresses at a time are looked at for work, in so
// many parts at once: while one waits for the database another is planned.
const (
	siftPiece = 10_000
	siftParts = 2
)

// sift finds out who has work, so that only they are queued: in a full reconciliation
// nearly nobody has. They are queued together, so that they share calls. It ends
// with a piece of which most have work, as after a loss of the state: from there on
// everybody is queued, and planned once.
func (r *Reconciler) sift(ctx context.Context, q *store.Queue) error {
	size := siftPiece
	if r.piece > 0 {
		size = r.piece
	}
	for {
		piece, err := r.Store.KnownAddresses(ctx, q.Sifted, size)
		if err != nil || len(piece) == 0 {
			return err
		}
		working := make([][]mapper.Address, 0, siftParts)
		g, parts := errgroup.WithContext(ctx)
		for part := range slices.Chunk(piece, (len(piece)+siftParts-1)/siftParts) {
			working = append(working, nil)
			into := &working[len(working)-1]
			g.Go(func() (err error) {
				*into, err = r.Deliverer.Sift(parts, q.Run, part, q.Exact)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		failpoint.Hit(failpoint.PeopleSifted)
		work := slices.Concat(working...)
		q.Named, q.Sifted = append(q.Named, work...), piece[len(piece)-1]
		q.Idle += len(piece) - len(work)
		if 2*len(work) > len(piece) {
			return nil
		}
		if err := r.between(ctx); err != nil {
			return err
		}
	}
}

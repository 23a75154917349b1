package deliver

import (
	"context"
	"time"
)

// LookForIdle sets how many addresses at a time are looked at for having nothing to
// do.
func (d *Deliverer) LookForIdle(piece int) { d.piece = piece }

// Turn is one turn of a worker, without the pauses between turns.
func (w *Worker) Turn(ctx context.Context) (next time.Duration, err error) {
	if w.polls == nil {
		w.start()
	}
	return w.turn(ctx)
}

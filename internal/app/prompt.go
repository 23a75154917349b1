package app

import (
	"context"
	"slices"
	"time"

	"rollcall/internal/deliver"
	"rollcall/internal/pause"
)

// Times of the looks at the queue of a process with many API keys.
const (
	promptEvery = time.Second      // between two looks for all keys
	promptRest  = time.Second / 10 // at least, while changes stream in
	unprompted  = 10 * time.Second // between two looks of a key's own worker
)

// prompt looks at the queue for all API keys that this process has at once, and wakes
// the workers that have something to do. A look of each worker every second would
// cost a process with 200 keys that have nothing to do more than the work of others.
func (a *App) prompt(ctx context.Context) error {
	timer := time.NewTimer(promptEvery)
	defer timer.Stop()
	for {
		if err := pause.For(ctx, promptRest); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.queued:
		case <-timer.C:
		}
		timer.Reset(promptEvery)
		var associations []string
		for _, s := range a.keys {
			if s.key.term.Load() != nil {
				associations = append(associations, s.associations()...)
			}
		}
		working, err := a.store.WithWork(ctx, associations)
		if err != nil {
			continue // the workers look for themselves, and tell of it
		}
		for _, s := range a.keys {
			if slices.ContainsFunc(s.worker.Associations, func(d *deliver.Deliverer) bool { return slices.Contains(working, d.ID) }) {
				s.dirty.set()
			}
		}
	}
}

// associations are the ids of those that share the key.
func (s *served) associations() []string {
	ids := make([]string, len(s.worker.Associations))
	for i, d := range s.worker.Associations {
		ids[i] = d.ID
	}
	return ids
}

package reconcile

import (
	"context"
	"slices"
	"time"

	"rollcall/internal/store"
	"rollcall/mapper"
)

const (
	retentionEvery = 24 * time.Hour
	// reportsLast is how many times as long as rows of people the reports of runs
	// are kept, which name nobody.
	reportsLast = 3
	// heldPiece is how many addresses at a time are looked for in the database.
	heldPiece = 5000
)

// retention erases the people whom the database lost long ago, and forgets what
// ended long ago.
func (r *Reconciler) retention(ctx context.Context, d store.Due) error {
	if err := r.findHeld(ctx); err != nil {
		return err
	}
	now, erased := r.Now(), 0
	for {
		n, err := r.Store.EraseUnheld(ctx, now.Add(-r.Retention), bulk)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		erased += n
	}
	if erased > 0 {
		r.Log.Info("erased people who left the member database long ago", "association", r.ID, "addresses", erased)
	}
	if err := r.Store.ForgetOld(ctx, now.Add(-r.Retention), now.Add(-reportsLast*r.Retention)); err != nil {
		return err
	}
	return r.next(ctx, d, retentionEvery)
}

// findHeld records which addresses nobody in the database has to do with. A
// previous address of somebody who is still there is not one of them: what
// became of it goes with the person.
func (r *Reconciler) findHeld(ctx context.Context) error {
	alarmed, wentBack, err := r.Store.Alarms(ctx)
	if err != nil || alarmed || wentBack {
		return err // rows that may be back tomorrow
	}
	for after := mapper.Address(""); ; {
		seen, err := r.Store.Addresses(ctx, after, heldPiece)
		if err != nil || len(seen) == 0 {
			return err
		}
		after = seen[len(seen)-1].Address
		held, unheld, err := r.held(ctx, seen)
		if err != nil {
			return err
		}
		if err := r.Store.Held(ctx, held, unheld); err != nil {
			return err
		}
	}
}

func (r *Reconciler) held(ctx context.Context, seen []store.SeenAddress) (held, unheld []mapper.Address, err error) {
	snap, err := r.Source.Snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer snap.Close(ctx)
	addresses := make([]mapper.Address, len(seen))
	var reps []mapper.RepID
	for i, s := range seen {
		addresses[i] = s.Address
		reps = append(reps, s.Reps...)
	}
	present, err := snap.RepsAt(ctx, r.ID, addresses, reps)
	if err != nil {
		return nil, nil, err
	}
	has, exists := map[mapper.Address]bool{}, map[mapper.RepID]bool{}
	for _, rep := range present {
		exists[rep.ID] = true
		if address, problem := mapper.Normalize(rep.Email); problem == "" {
			has[address] = true
		}
	}
	for _, s := range seen {
		if has[s.Address] || slices.ContainsFunc(s.Reps, func(rep mapper.RepID) bool { return exists[rep] }) {
			held = append(held, s.Address)
		} else {
			unheld = append(unheld, s.Address)
		}
	}
	return held, unheld, nil
}

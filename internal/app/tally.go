package app

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/pause"
	"rollcall/internal/store"
	"rollcall/internal/tally"
	"rollcall/mapper"
)

const (
	// tallyLook is the time between two looks whether something is to be counted
	// again.
	tallyLook = 5 * time.Second
	// tallyPause is how long a count is good for at least, whatever changed.
	tallyPause = 10 * time.Second
	// tallyShare bounds counting to one part in so many of the time.
	tallyShare = 20
	// tallyAgain is how old a count may become although nothing changed.
	tallyAgain = time.Hour
)

// tally counts, for the pages of the console, how everybody stands, association
// by association. It looks at the databases only: a failure is told of, and the
// next look tries again.
func (o *office) tally(ctx context.Context) error {
	looked := map[string]time.Time{} // by association: until when somebody changed who is counted
	for {
		for _, id := range o.Inspector.Associations() {
			v, err := o.View(id)
			if err != nil {
				return err
			}
			if err := o.sample(ctx, v); err != nil && ctx.Err() == nil {
				o.app.log.Warn("how things are could not be written down for the console", "association", id, "err", err)
			}
			looked[id], err = v.recountSome(ctx, looked[id])
			if err == nil {
				err = o.recount(ctx, v)
			}
			if err != nil && ctx.Err() == nil {
				o.app.log.Warn("people could not be counted for the console", "association", id, "err", err)
			}
		}
		if err := pause.For(ctx, tallyLook); err != nil {
			return nil // a planned stop
		}
	}
}

// recount counts an association if that is due.
func (o *office) recount(ctx context.Context, v *View) error {
	last, err := v.Store.LastCount(ctx)
	if err != nil {
		return err
	}
	old := v.now().Sub(last.At)
	if !last.At.IsZero() && old < max(tallyPause, tallyShare*last.Took) {
		return nil
	}
	state, err := v.Store.StandingState(ctx)
	if err == nil {
		state, err = o.followed(ctx, v, state)
	}
	if err != nil || state == last.State && old < tallyAgain {
		return err
	}
	return v.Count(ctx, state)
}

// followed adds to a state how often the stream concerned anybody: what a change of
// rows alone does has no other trace. Where another process reads the stream, its
// position stands for that.
func (o *office) followed(ctx context.Context, v *View, state string) (string, error) {
	if o.app.has(RoleReader) {
		return fmt.Sprintf("%s/%d", state, o.app.widened.Load()), nil
	}
	backlog, err := v.Store.Backlog(ctx)
	if backlog.DurableAt != nil {
		state += "/" + backlog.DurableAt.String()
	}
	return state, err
}

// fewMoved is up to how many people are counted one by one when something was told
// or read about them. More are left to the next full count.
const fewMoved = 1000

// recountSome counts those again about whom something was told or read since a
// time, so that the pages follow a sync as it goes. It returns the time for the
// next look.
func (v *View) recountSome(ctx context.Context, since time.Time) (time.Time, error) {
	last, err := v.Store.LastCount(ctx)
	if err != nil || last.At.IsZero() || since.IsZero() {
		return v.now(), err
	}
	next := v.now()
	addresses, err := v.Store.ChangedSince(ctx, since, fewMoved+1)
	if err != nil || len(addresses) == 0 || len(addresses) > fewMoved {
		return next, err
	}
	in, out, err := v.plan(ctx, addresses, nil)
	if err != nil {
		return since, err
	}
	now := tally.New()
	who, rows := now.Add(in, out, mapper.Plan(ungated(in)))
	return next, v.Store.ReplaceStandings(ctx, who, rows, func(before []store.Standing) []store.StandingCount {
		now.AddRows(before, -1)
		return now.Counts()
	})
}

// Count counts how everybody of the association stands. state stands for what is
// counted.
func (v *View) Count(ctx context.Context, state string) error {
	begin := v.now()
	counts := tally.New()
	var keep []string
	err := v.Each(ctx, func(in mapper.Input, out mapper.Output) error {
		who, rows := counts.Add(in, out, mapper.Plan(ungated(in)))
		for i, person := range in.People {
			if len(person.Pairs) == 0 && len(person.SeenOptedOut) == 0 {
				keep = append(keep, who[i]) // the state may not know this one yet
			}
		}
		return v.Store.SaveStandings(ctx, who, rows)
	})
	if err != nil {
		return fmt.Errorf("count people: %w", err)
	}
	c := store.Counted{At: begin, Took: v.now().Sub(begin), State: state}
	return v.Store.EndCount(ctx, c, counts.Counts(), keep)
}

package sink

import (
	"context"
	"fmt"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// lostAfter is how long a call whose reply was lost is looked for before its
// people are read back instead.
const lostAfter = 30 * time.Second

// sentWithin is how long after its record a request has reached Constant Contact, if it
// ever does.
const sentWithin = 2 * time.Minute

// Poll follows the open calls: one request shows all activities of the
// account. It returns how many calls ended and how many are still open.
func (a *Applier) Poll(ctx context.Context) (ended, open int, err error) {
	calls, err := a.Ledger.Open(ctx)
	if err != nil || len(calls) == 0 {
		return 0, 0, err
	}
	activities, err := a.activities(ctx, calls)
	if err != nil {
		return 0, len(calls), fmt.Errorf("poll activities: %w", err)
	}
	ours, err := a.Ledger.Ours(ctx, calls[0].CreatedAt.Add(-2*skew))
	if err != nil {
		return 0, len(calls), err
	}
	for _, call := range calls {
		if call.Kind == CallMove {
			if err := a.settleMove(ctx, call); err != nil {
				return ended, len(calls) - ended, err
			}
			ended++
			continue
		}
		if call.ActivityID == "" {
			done, err := a.find(ctx, call, activities, ours)
			if err != nil {
				return ended, len(calls) - ended, err
			}
			if done {
				ended++
			}
			continue
		}
		activity, err := a.activity(ctx, call.ActivityID, activities)
		if err != nil {
			return ended, len(calls) - ended, err
		}
		// What was accepted just now need not be found yet.
		young := a.Now().Sub(call.CreatedAt) < lostAfter
		if activity.State == StateLost && young || activity.State != StateLost && !activity.Ended() {
			continue
		}
		if err := a.settle(ctx, call, activity, activity.Clean(string(call.Kind), call.People)); err != nil {
			return ended, len(calls) - ended, err
		}
		ended++
	}
	return ended, len(calls) - ended, nil
}

// activities reads the account's activities until all open ones are found; all
// of them while a reply is lost, because their order is not documented.
func (a *Applier) activities(ctx context.Context, calls []OpenActivity) (map[string]constantcontact.Activity, error) {
	waiting := map[string]bool{}
	lost := false
	for _, c := range calls {
		if c.ActivityID == "" {
			lost = true
		} else {
			waiting[c.ActivityID] = true
		}
	}
	found := map[string]constantcontact.Activity{}
	err := a.API.Activities(ctx, func(page []constantcontact.Activity) error {
		for _, activity := range page {
			found[activity.ID] = activity
			delete(waiting, activity.ID)
		}
		if len(waiting) == 0 && !lost {
			return constantcontact.ErrStop
		}
		return nil
	})
	return found, err
}

// activity is one activity. A listing that does not show it proves nothing, so
// it is asked for by itself; one that Constant Contact does not know is lost.
func (a *Applier) activity(ctx context.Context, id string, listed map[string]constantcontact.Activity) (constantcontact.Activity, error) {
	if activity, shown := listed[id]; shown {
		return activity, nil
	}
	activity, err := a.API.Activity(ctx, id)
	if err != nil && constantcontact.Classify(err) == constantcontact.Missing {
		return constantcontact.Activity{State: StateLost}, nil
	}
	return activity, err
}

// StateLost stands in the place of an activity that is not to be found.
const StateLost = "lost"

// stateLikely is the state of a completed activity that counts alone tie to a
// call: nothing follows from it but what a read-back shows.
const stateLikely = "likely"

// find looks for the activity of a call whose reply was lost: one that no other
// call of ours has, made then, with the same counts. While an unknown one is
// still being worked on nothing is decided. Counts are no proof, so the people
// are read back in any case.
func (a *Applier) find(ctx context.Context, call OpenActivity, activities map[string]constantcontact.Activity, ours map[string]bool) (settled bool, err error) {
	for id, activity := range activities {
		if ours[id] || activity.CreatedAt.Before(call.CreatedAt.Add(-skew)) || activity.CreatedAt.After(call.CreatedAt.Add(sentWithin+skew)) {
			continue
		}
		if !activity.Ended() {
			return false, nil
		}
		if activity.Matches(string(call.Kind), call.People, call.Lists) {
			ours[id] = true
			if err := a.Ledger.Sent(ctx, call.ID, id); err != nil {
				return false, err
			}
			a.Log.Info("found the activity of a call whose reply was lost", "activity", call.ID)
			// It may be another call's: whoever it did not put on a list was
			// not refused for that.
			activity.State = stateLikely
			return true, a.settle(ctx, call, activity, false)
		}
	}
	since := call.CreatedAt
	if at := a.doubted[call.ID]; at.After(since) {
		since = at // the attempt was given up a minute after its record, perhaps
	}
	if a.Now().Sub(since) < lostAfter {
		return false, nil
	}
	return true, a.settle(ctx, call, constantcontact.Activity{State: StateLost}, false)
}

// settle records the end of a call. Where the counters do not account for
// everybody, every person of the call is read back.
func (a *Applier) settle(ctx context.Context, call OpenActivity, activity constantcontact.Activity, clean bool) error {
	delete(a.doubted, call.ID)
	o := Outcome{
		State:     activity.State,
		Completed: activity.State == constantcontact.StateCompleted,
		Clean:     clean,
		Counters:  activity.Counters(),
	}
	if !o.Clean {
		people, err := a.Ledger.People(ctx, call.ID)
		if err != nil {
			return err
		}
		always := func(mapper.Address, Shown) bool { return len(people) <= bulkFrom }
		back, err := a.Read(ctx, people, always)
		if err != nil {
			return fmt.Errorf("read back activity: %w", err)
		}
		if o.Completed && back.Bulk {
			if err := a.lookAgain(ctx, back.Shown); err != nil {
				return fmt.Errorf("read back activity: %w", err)
			}
		}
		o.Shown = back.Shown
	}
	a.Log.Info("call ended", "activity", call.ID, "kind", string(call.Kind), "state", o.State, "clean", o.Clean, "people", call.People)
	if err := a.Ledger.Settle(ctx, call.ID, o); err != nil || o.State != constantcontact.StateFailed || a.Compare == nil {
		return err
	}
	return a.Compare(ctx, nil)
}

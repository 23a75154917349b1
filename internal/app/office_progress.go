package app

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/console"
	"rollcall/internal/store"
)

// Progress reads how far a request is; see console.Office.
func (o *office) Progress(ctx context.Context, association string, request int64) (console.Progress, error) {
	v, err := o.View(association)
	if err != nil {
		return console.Progress{}, err
	}
	state, err := v.Store.Asked(ctx, request)
	if errors.Is(err, pgx.ErrNoRows) {
		return console.Progress{}, &console.Problem{Status: http.StatusNotFound, What: "There is no such page.", Try: "See Activity for what was done."}
	}
	if err != nil {
		return console.Progress{}, err
	}
	p := console.Progress{State: state.State, Answer: state.Answer}
	if state.Answer.Run == 0 {
		return p, nil
	}
	of, r, err := o.Store.RunByID(ctx, state.Answer.Run)
	if err != nil || of != association {
		return p, err
	}
	if p.Run, err = ReportOf(ctx, association, v.Store, r, o.now()); err != nil {
		return p, err
	}
	if p.Left, err = v.Store.LeftOfRun(ctx, r.ID); err != nil {
		return p, err
	}
	p.Calls, err = v.callsOfRun(ctx, r.ID)
	return p, err
}

// callsOfRun reads the calls of a run, with the names of their lists.
func (v *View) callsOfRun(ctx context.Context, run int64) ([]console.CallLine, error) {
	calls, err := v.Store.CallsOfRun(ctx, run, maxCalls)
	if err != nil {
		return nil, err
	}
	return v.callLines(ctx, calls)
}

// maxCalls bounds the calls that a page shows.
const maxCalls = 200

func (v *View) callLines(ctx context.Context, calls []store.CallRow) ([]console.CallLine, error) {
	bound, err := v.Store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, l := range bound {
		names[l.ListID] = l.Name
	}
	lines := make([]console.CallLine, len(calls))
	for i, c := range calls {
		line := console.CallLine{
			ID: c.ID, Kind: c.Kind, People: c.People, State: c.State, Activity: c.Activity, Outcome: c.Outcome, At: c.At, EndedAt: c.EndedAt, Counters: c.Counters,
		}
		for _, id := range c.ListIDs {
			name, known := names[id]
			if !known {
				name = "list " + id
			}
			line.Lists = append(line.Lists, name)
		}
		lines[i] = line
	}
	return lines, nil
}

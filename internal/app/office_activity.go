package app

import (
	"context"
	"fmt"
	"time"

	"rollcall/internal/console"
	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/internal/tally"
	"rollcall/mapper"
)

// Runs reads runs with their totals; see console.Office.
func (o *office) Runs(ctx context.Context, association string, before int64, limit int) ([]*report.Run, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	runs, err := v.Store.RunsBefore(ctx, before, limit)
	if err != nil {
		return nil, err
	}
	totals, err := v.Store.RunTotals(ctx, runs)
	if err != nil {
		return nil, err
	}
	all := make([]*report.Run, len(runs))
	for i, r := range runs {
		all[i] = report.NewRun(association, r, totals[r.ID], o.now())
	}
	return all, nil
}

// Run reads one run; see console.Office.
func (o *office) Run(ctx context.Context, association string, id int64) (*report.Run, []console.CallLine, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, nil, err
	}
	of, r, err := o.Store.RunByID(ctx, id)
	if err == nil && of != association {
		err = store.ErrNoRun
	}
	if err != nil {
		return nil, nil, problemOf(err)
	}
	found, err := ReportOf(ctx, association, v.Store, r, o.now())
	if err != nil {
		return nil, nil, err
	}
	calls, err := v.callsOfRun(ctx, id)
	return found, calls, err
}

// ListNames reads what lists are called; see console.Office.
func (o *office) ListNames(ctx context.Context, association string) (map[mapper.ListKey]string, error) {
	bound, err := o.Store.Association(association).Lists(ctx)
	names := make(map[mapper.ListKey]string, len(bound))
	for _, l := range bound {
		names[l.Key] = l.Name
	}
	return names, err
}

// Calls reads the last calls; see console.Office.
func (o *office) Calls(ctx context.Context, association string, limit int) ([]console.CallLine, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	calls, err := v.Store.Calls(ctx, 0, limit)
	if err != nil {
		return nil, err
	}
	return v.callLines(ctx, calls)
}

// RunPeople hands over what a run did to whom; see console.Office.
func (o *office) RunPeople(ctx context.Context, association string, run int64, by string, each func(console.RunPerson) error) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	if err := v.Store.Record(ctx, by, store.Act{What: store.ActExport, Subjects: []string{fmt.Sprintf("run:%d", run)}}); err != nil {
		return err
	}
	return v.Store.EachOfRun(ctx, run, func(e store.RunIntent) error { return each(console.RunPerson(e)) })
}

// Reconcile asks for a full reconciliation; see console.Office.
func (o *office) Reconcile(ctx context.Context, association, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	return v.Reconcile(ctx, by)
}

// Reasons reads how many people each reason keeps off; see console.Office.
func (o *office) Reasons(ctx context.Context, association string) ([]console.ReasonCount, *time.Time, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, nil, err
	}
	counts, err := v.Store.OverallCounts(ctx)
	if err != nil {
		return nil, nil, err
	}
	var reasons []console.ReasonCount
	for _, c := range counts {
		if c.What == tally.Held {
			reasons = append(reasons, console.ReasonCount{Reason: c.Reason, N: c.N})
		}
	}
	counted, err := v.Store.LastCount(ctx)
	if err != nil || counted.At.IsZero() {
		return reasons, nil, err
	}
	return reasons, &counted.At, nil
}

// HeldFor reads people whom a reason keeps off; see console.Office.
func (o *office) HeldFor(ctx context.Context, association string, reason mapper.Reason, after string, limit int) ([]console.PersonLine, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	found, err := v.Store.HeldFor(ctx, reason, after, limit)
	if err != nil {
		return nil, err
	}
	return v.lines(ctx, found)
}

package app

import (
	"context"
	"slices"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// Trace follows what changed about a rep from the stream to Constant Contact's
// confirmation, by what the state stores. Nobody of that id is a *NobodyError.
func (v *View) Trace(ctx context.Context, id mapper.RepID) (*report.Trace, error) {
	rep, addresses, err := v.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if rep != nil {
		if now, problem := mapper.Normalize(rep.Email); problem == "" && !slices.Contains(addresses, now) {
			addresses = append(addresses, now)
		}
	}
	t := &report.Trace{Association: v.ID, At: v.now(), Rep: id}
	durable, known, err := v.Store.Position(ctx)
	if err != nil {
		return nil, err
	}
	if known {
		t.Durable = durable.String()
	}
	touched, err := v.Store.TraceTouched(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, k := range touched {
		t.Touched = append(t.Touched, report.TracedKeys(k))
	}
	slices.Reverse(addresses) // the present one first
	for _, address := range addresses {
		a := report.TracedAddress{Address: address}
		row, err := v.Store.TraceQueue(ctx, address)
		if err != nil {
			return nil, err
		}
		if row != nil {
			queued := report.TracedRow(*row)
			a.Queued = &queued
		}
		calls, err := v.Store.TraceCalls(ctx, address, historySize)
		if err != nil {
			return nil, err
		}
		for _, c := range calls {
			a.Calls = append(a.Calls, report.NewTracedCall(c))
		}
		t.Addresses = append(t.Addresses, a)
	}
	return t, nil
}

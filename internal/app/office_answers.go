package app

import (
	"context"
	"slices"

	"rollcall/internal/console"
	"rollcall/internal/report"
	"rollcall/mapper"
	"rollcall/sink"
)

// ListAnswers says which decisions there are to make; see console.Office.
func (o *office) ListAnswers(ctx context.Context, association string, list mapper.ListKey) (console.ListAnswers, error) {
	v, err := o.View(association)
	if err != nil {
		return console.ListAnswers{}, err
	}
	bound, err := v.Store.Lists(ctx)
	if err != nil {
		return console.ListAnswers{}, err
	}
	i := slices.IndexFunc(bound, func(l sink.BoundList) bool { return l.Key == list })
	if i < 0 {
		return console.ListAnswers{}, nil
	}
	l := bound[i]
	return console.ListAnswers{
		Recreate:  l.State == mapper.ListMissing || l.State == mapper.ListOff,
		SwitchOff: l.State == mapper.ListMissing || l.State == mapper.ListAmbiguous || l.State == mapper.ListNoRoom,
		Bind:      l.State == mapper.ListMissing || l.State == mapper.ListAmbiguous || l.State == mapper.ListNoRoom || l.State == mapper.ListOff,
		Foreign:   l.Kind != mapper.ListGroup && l.State == mapper.ListBound, KeepForeign: l.KeepForeign, Existed: l.Existed,
		Leftover: l.State == mapper.ListBound || l.State == mapper.ListRetired,
	}, nil
}

// RecreateList has a list made again; see console.Office.
func (o *office) RecreateList(ctx context.Context, association string, list mapper.ListKey, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	return problemOf(v.RecreateList(ctx, list, by))
}

// SwitchOffList leaves a list alone; see console.Office.
func (o *office) SwitchOffList(ctx context.Context, association string, list mapper.ListKey, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	return problemOf(v.SwitchOffList(ctx, list, by))
}

// BindList binds a list to one of the account; see console.Office.
func (o *office) BindList(ctx context.Context, association string, list mapper.ListKey, to, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	id, err := v.BindList(ctx, list, to, by)
	return id, problemOf(err)
}

// SetForeign chooses about foreign people; see console.Office.
func (o *office) SetForeign(ctx context.Context, association string, list mapper.ListKey, keep bool, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	return problemOf(v.SetForeign(ctx, list, keep, by))
}

// Leftover names who is left behind on a list; see console.Office.
func (o *office) Leftover(ctx context.Context, association string, list mapper.ListKey) (*report.Leftover, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	status, err := v.FindList(ctx, string(list))
	if err != nil {
		return nil, problemOf(err)
	}
	l, err := v.Leftover(ctx, status)
	if err != nil {
		return nil, problemOf(err)
	}
	shown := &report.Leftover{People: Named(l.People), Adoption: l.Adoption}
	return shown, v.nameRemovals(ctx, shown.People)
}

// RemoveLeftover takes off those who were shown; see console.Office.
func (o *office) RemoveLeftover(ctx context.Context, association string, list mapper.ListKey, shown *report.Leftover, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	status, err := v.FindList(ctx, string(list))
	if err != nil {
		return problemOf(err)
	}
	l := Leftover{List: status}
	for _, r := range shown.People {
		l.People = append(l.People, Removal{Address: r.Address, Reason: r.Reason, Rep: r.Rep})
	}
	return problemOf(v.RemoveLeftover(ctx, l, by))
}

// Audit reads who did what; see console.Office.
func (o *office) Audit(ctx context.Context, association string, before int64, limit int) ([]console.Act, error) {
	rows, err := o.Store.Audit(ctx, association, before, limit)
	if err != nil {
		return nil, err
	}
	acts := make([]console.Act, len(rows))
	for i, r := range rows {
		acts[i] = console.Act{ID: r.ID, At: r.At, Who: r.Who, What: string(r.What), Subjects: r.Subjects, Detail: r.Detail}
	}
	return acts, nil
}

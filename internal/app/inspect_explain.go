package app

import (
	"context"
	"fmt"
	"slices"

	"rollcall/internal/report"
	"rollcall/mapper"
)

// historySize is how many of the last calls an explanation shows.
const historySize = 20

// NobodyError says that neither the database nor the state knows whom somebody
// asks for. It does not repeat the question, which may be member data.
type NobodyError struct {
	Association string
	Rep         mapper.RepID // empty: asked by address
}

func (e *NobodyError) Error() string {
	if e.Rep != "" {
		return fmt.Sprintf("find rep %s in association %s: neither the member database nor the state knows it", e.Rep, e.Association)
	}
	return fmt.Sprintf("find address in association %s: neither the member database nor the state knows it", e.Association)
}

// Explain says what the database, Constant Contact and the rules have to do
// with one address, on every list. It reads only what concerns the address.
func (v *View) Explain(ctx context.Context, address mapper.Address) (*report.Explanation, error) {
	in, out, err := v.planner.Explain(ctx, address)
	if err != nil {
		return nil, err
	}
	in.People = slices.DeleteFunc(in.People, func(p mapper.Person) bool { return p.Address != address })
	if err := v.await(ctx, &out, []mapper.Address{address}); err != nil {
		return nil, err
	}
	e := report.Facts{Association: v.ID, At: v.now(), Address: address, Input: in, Output: out}
	var guards mapper.Guards
	if guards.Source, guards.WentBack, err = v.Store.Alarms(ctx); err != nil {
		return nil, err
	}
	// How many others would go with this person is not looked at: that would
	// mean to read them.
	_, e.Held = mapper.Guard(out.Ops, guards, mapper.Thresholds{Off: true})
	if e.Times, err = v.Store.PairTimes(ctx, address); err != nil {
		return nil, err
	}
	if e.Questions, err = v.Store.Questions(ctx, address); err != nil {
		return nil, err
	}
	if e.History, err = v.Store.History(ctx, address, historySize); err != nil {
		return nil, err
	}
	reps := []mapper.RepID{""} // nobody's
	for _, h := range in.People[0].Holders {
		reps = append(reps, h.ID)
	}
	if e.Notices, err = v.Store.Notices(ctx, reps...); err != nil {
		return nil, err
	}
	if person := in.People[0]; len(person.Holders)+len(person.Former)+len(person.Pairs)+len(e.History) == 0 &&
		person.Contact == (mapper.Contact{}) && !person.RememberedOptOut && !person.OptOutAll && len(person.OptOutGroups) == 0 {
		return nil, &NobodyError{Association: v.ID}
	}
	return report.Explain(e), nil
}

// ExplainRep explains the address that a rep has now, or why that is none. One
// that is gone from the database is explained by the addresses it was seen with.
func (v *View) ExplainRep(ctx context.Context, id mapper.RepID) ([]*report.Explanation, error) {
	rep, addresses, err := v.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	if rep != nil {
		address, problem := mapper.Normalize(rep.Email)
		if problem != "" {
			in, err := v.unusableReps(ctx, []mapper.RepID{id})
			if err != nil {
				return nil, err
			}
			in.Explain = true
			e := report.Facts{Association: v.ID, At: v.now(), Address: mapper.Address(rep.Email), Input: in, Output: mapper.Plan(in), Before: addresses}
			return []*report.Explanation{report.Explain(e)}, nil
		}
		e, err := v.Explain(ctx, address)
		if err != nil {
			return nil, err
		}
		e.Before = slices.DeleteFunc(addresses, func(a mapper.Address) bool { return a == address })
		return []*report.Explanation{e}, nil
	}
	var all []*report.Explanation
	for _, address := range addresses {
		e, err := v.Explain(ctx, address)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Find looks a rep up: the row that the database has now, if any, and the
// addresses that it was ever seen with. Without both the error is a
// *NobodyError.
func (v *View) Find(ctx context.Context, id mapper.RepID) (*mapper.Rep, []mapper.Address, error) {
	reps, err := v.reps(ctx, []mapper.RepID{id})
	if err != nil {
		return nil, nil, err
	}
	addresses, err := v.Store.RepAddresses(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if len(reps)+len(addresses) == 0 {
		return nil, nil, &NobodyError{Association: v.ID, Rep: id}
	}
	if len(reps) == 0 {
		return nil, addresses, nil
	}
	return reps[0], addresses, nil
}

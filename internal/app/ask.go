package app

import (
	"context"
	"slices"
	"time"

	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// What people ask the running program for, by a command or on the console.

// backReasons are the decisions of people that an operator may set aside. Who
// unsubscribed can come back only by an own act.
var backReasons = []mapper.Reason{
	mapper.ReasonLeftList, mapper.ReasonDeleted, mapper.ReasonAddressChanged,
	mapper.ReasonPreviousUnsubscribed, mapper.ReasonPreviousDeleted, mapper.ReasonPreviousOnHold, mapper.ReasonPreviousLeftList,
}

// MayAllowBack reports whether a reason is one that an operator may set aside.
func MayAllowBack(r mapper.Reason) bool { return slices.Contains(backReasons, r) }

// AllowBack asks to let somebody back who left or was deleted, on one list,
// named by key, name or group id, or on every list where that is empty. Where
// there is nothing to allow the error is a *RefusedError.
func (v *View) AllowBack(ctx context.Context, x *report.Explanation, list, by string) (request int64, err error) {
	key, err := allowed(x, list)
	if err != nil {
		return 0, err
	}
	return v.Store.Request(ctx, store.RequestContent{Ask: "allow_back", Address: string(x.Address), List: string(key)}, by)
}

// allowed checks that there is something to allow, on one list or on any.
func allowed(x *report.Explanation, list string) (mapper.ListKey, error) {
	var key mapper.ListKey
	if list != "" {
		var err error
		if key, err = x.Choose(list); err != nil {
			return "", &RefusedError{What: "find list", Detail: err.Error(), Try: "rollcall explain, which shows the lists"}
		}
	}
	if x.OldAccount != "" && key == "" {
		return "", nil // what an account before this one showed is an operator's to set aside
	}
	unsubscribed := false
	for _, l := range x.Lists {
		if key != "" && l.List != key {
			continue
		}
		if MayAllowBack(l.Reason) {
			return key, nil
		}
		unsubscribed = unsubscribed || l.Reason == mapper.ReasonUnsubscribed
	}
	if unsubscribed {
		return "", &RefusedError{
			What: "allow back", Reason: mapper.ReasonUnsubscribed, Detail: "the person unsubscribed in Constant Contact; nobody else can take that back",
			Try: "asking the person to sign up again",
		}
	}
	return "", &RefusedError{
		What: "allow back", Detail: "this person did not leave, and was not deleted", Try: "rollcall explain, which says what stands in the way",
	}
}

// Retry asks to try an address again that Constant Contact refused. The error is
// a *RefusedError where it did not.
func (v *View) Retry(ctx context.Context, x *report.Explanation, by string) (request int64, err error) {
	if !x.Contact.Refused {
		return 0, &RefusedError{
			What: "retry", Detail: "Constant Contact did not refuse this address", Try: "rollcall explain, which says what stands in the way",
		}
	}
	return v.Store.Request(ctx, store.RequestContent{Ask: "retry", Address: string(x.Address)}, by)
}

// Reconcile asks for a full reconciliation.
func (v *View) Reconcile(ctx context.Context, by string) (request int64, err error) {
	return v.Store.Request(ctx, store.RequestContent{Ask: "reconcile"}, by)
}

// Look asks to read an address again in Constant Contact, and to plan it again.
func (v *View) Look(ctx context.Context, address mapper.Address, by string) (request int64, err error) {
	return v.Store.Request(ctx, store.RequestContent{Ask: "look", Address: string(address)}, by)
}

// ReportOf is the report of a run as it is now.
func ReportOf(ctx context.Context, association string, s *store.Association, r store.Run, now time.Time) (*report.Run, error) {
	counts, err := s.RunReport(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	return report.NewRun(association, r, counts, now), nil
}

// Report makes a preview presentable.
func (p SyncPreview) Report(association string) *report.Preview {
	return &report.Preview{
		Association: association, Group: p.Group, List: p.List, Name: p.Name, On: p.On, Adds: p.Adds, OptedOut: p.OptedOut, Adoption: p.Adoption,
		Removals: Named(p.Removals),
	}
}

// Named makes people presentable who would be taken off a list.
func Named(removals []Removal) []report.PersonPlan {
	all := make([]report.PersonPlan, len(removals))
	for i, r := range removals {
		all[i] = report.PersonPlan{Address: r.Address, Op: "remove", Reason: r.Reason, Rep: r.Rep, FirstName: r.FirstName, LastName: r.LastName}
	}
	return all
}

package store_test

import (
	"errors"
	"testing"

	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// What an operator said about a list holds, although the program found something
// out about it at the same moment.
func TestAnAnswerIsNotOverwritten(t *testing.T) {
	a, _ := newAssociation(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.SaveList(ctx, sink.BoundList{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "l", State: mapper.ListMissing}))
	must(a.SwitchOffList(ctx, "group:1", "olga"))
	must(a.SetListState(ctx, "group:1", mapper.ListBound, "Board")) // the list is back
	rows, err := a.ListRows(ctx)
	must(err)
	if len(rows) != 1 || rows[0].State != mapper.ListOff {
		t.Errorf("lists %+v", rows)
	}
	must(a.RecreateList(ctx, "group:1", "olga"))
	must(a.SetListState(ctx, "group:1", mapper.ListBound, "Board"))
	if rows, err = a.ListRows(ctx); err != nil || len(rows) != 0 {
		t.Errorf("lists %+v, %v", rows, err)
	}
}

// A Constant Contact list has one list of ours.
func TestAListIsBoundToOneOfOurs(t *testing.T) {
	a, _ := newAssociation(t)
	ctx := t.Context()
	for _, l := range []sink.BoundList{
		{Key: "group:1", Kind: mapper.ListGroup, Ref: "1", Name: "Board", ListID: "one", State: mapper.ListBound},
		{Key: "group:2", Kind: mapper.ListGroup, Ref: "2", Name: "Golf", ListID: "two", State: mapper.ListMissing},
	} {
		if err := a.SaveList(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	err := a.BindList(ctx, "group:2", sink.AccountList{ID: "one", Name: "Board"}, 0)
	if _, taken := errors.AsType[*store.ListTakenError](err); !taken {
		t.Errorf("error %v", err)
	}
	rows, err := a.ListRows(ctx)
	if err != nil || len(rows) != 2 || rows[1].State != mapper.ListMissing || rows[1].ListID != "two" {
		t.Errorf("lists %+v, %v", rows, err)
	}
}

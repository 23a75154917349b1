package store_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/lease"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
)

// Whoever had the lease once changes nothing any more, whatever it was about to
// write, and learns that from the error's type.
func TestAnOldHolderWritesNothing(t *testing.T) {
	db := statetest.Database(t)
	pool := db.Pool(t)
	all := store.New(pool, "chamber", func() time.Time { return noon })
	leases := store.NewLeases(pool, func() time.Time { return noon })
	one := take(t, leases, lease.Row{}, "one")
	fenced := all.Fenced(func(ctx context.Context, tx pgx.Tx) error { return lease.Fence(ctx, tx, "key", one) })
	a := fenced.Association("1")
	ctx := t.Context()
	if _, err := all.Installation(ctx, store.Installation{SystemID: "1", Timeline: 1, DatabaseOID: 1, Slot: "rollcall"}); err != nil {
		t.Fatal(err)
	}
	call := &sink.Call{Kind: sink.CallRemove, ListIDs: []string{"l"}, Intents: []sink.Intent{{List: "all_active", Address: "ann@example.org", Op: "remove"}}}
	id, err := a.Begin(ctx, call, nil)
	if err != nil {
		t.Fatal(err)
	}
	if two := take(t, leases, read(t, leases), "two"); two != one+1 {
		t.Fatalf("tokens %d and %d", one, two)
	}
	people := []mapper.Address{"ann@example.org"}
	second := func(_ any, err error) error { return err }
	for name, write := range map[string]func() error{
		"Begin":           func() error { return second(a.Begin(ctx, call, nil)) },
		"Sent":            func() error { return a.Sent(ctx, id, "activity") },
		"Doubt":           func() error { return a.Doubt(ctx, id) },
		"Reject":          func() error { return a.Reject(ctx, id, "why", noon) },
		"Moved":           func() error { return a.Moved(ctx, id, true) },
		"Settle":          func() error { return a.Settle(ctx, id, sink.Outcome{Clean: true}) },
		"Learn":           func() error { return a.Learn(ctx, store.Facts{}, nil) },
		"Wait":            func() error { return a.Wait(ctx, []sink.Done{{Address: people[0], Version: 1}}, noon) },
		"WaitNoLonger":    func() error { return a.WaitNoLonger(ctx, people) },
		"Enqueue":         func() error { return a.Enqueue(ctx, people) },
		"QueueRun":        func() error { return second(a.QueueRun(ctx, store.Queue{Run: 1})) },
		"QueueRefused":    func() error { return second(a.QueueRefused(ctx)) },
		"RetryRefused":    func() error { return second(a.RetryRefused(ctx, people[0])) },
		"SetRequest":      func() error { return a.SetRequest(ctx, 1, "done", store.Answer{}) },
		"Request":         func() error { return second(a.Request(ctx, store.RequestContent{Ask: "reconcile"}, "olga")) },
		"SaveList":        func() error { return a.SaveList(ctx, sink.BoundList{Key: "all_active", ListID: "l"}) },
		"SetListState":    func() error { return a.SetListState(ctx, "all_active", mapper.ListMissing, "") },
		"SetTypeID":       func() error { return a.SetTypeID(ctx, "all_active", "7") },
		"ForgetUnmanaged": func() error { return a.ForgetUnmanaged(ctx, []string{"l"}) },
		"ReleaseList":     func() error { return a.ReleaseList(ctx, "all_active") },
		"Renamed":         func() error { return a.Renamed(ctx, "all_active", "New", true) },
		"PutOffRename":    func() error { return a.PutOffRename(ctx, "all_active", noon) },
		"FollowType":      func() error { return second(a.FollowType(ctx, "type:A", "type:B", "B")) },
		"Looked":          func() error { return second(a.Looked(ctx, 1, nil, nil)) },
		"StartRun":        func() error { return second(a.StartRun(ctx, store.Run{Kind: store.RunNightly})) },
		"EndRun":          func() error { return a.EndRun(ctx, 1, store.RunDone, "") },
		"RunFound":        func() error { return a.RunFound(ctx, 1, map[string]int{}) },
		"CountRun":        func() error { return a.CountRun(ctx, 1, "checked", "", 1) },
		"Interrupt":       func() error { return a.Interrupt(ctx) },
		"SetDue":          func() error { return a.SetDue(ctx, store.Due{What: "sweep", At: noon}) },
		"Hasten":          func() error { return a.Hasten(ctx, "sweep") },
		"Ask":             func() error { return a.Ask(ctx, store.Question{Kind: mapper.HoldRemovals}) },
		"Decide":          func() error { return a.Decide(ctx, 1, true, "olga") },
		"Expire":          func() error { return second(a.ExpireApprovals(ctx)) },
		"RaiseAlarm":      func() error { return a.RaiseAlarm(ctx, store.AlarmEmpty, "") },
		"RaiseAlarms":     func() error { return a.RaiseAlarms(ctx, store.AlarmEmpty) },
		"Counted":         func() error { return second(a.Counted(ctx, nil, true)) },
		"SaveReadings":    func() error { return a.SaveReadings(ctx, nil) },
		"KeepMissed":      func() error { return a.KeepMissed(ctx, nil) },
		"Unshown":         func() error { return second(a.Unshown(ctx, noon, nil, 1)) },
		"KeepShown":       func() error { return a.KeepShown(ctx, people) },
		"AccountRead":     func() error { return a.AccountRead(ctx, noon) },
		"ForgetPull":      func() error { return a.ForgetPull(ctx) },
		"Held":            func() error { return a.Held(ctx, people, nil) },
		"EraseUnheld":     func() error { return second(a.EraseUnheld(ctx, noon, 1)) },
		"ForgetOld":       func() error { return a.ForgetOld(ctx, noon, noon) },
		"AllowBack":       func() error { return second(a.AllowBack(ctx, store.Allowance{Address: people[0]})) },
		"Carry":           func() error { return a.Carry(ctx, store.AddressChange{ID: 1}, nil) },
		"Addresses":       func() error { return a.RecordAddresses(ctx, []store.SeenAt{{Rep: "1", Address: people[0]}}) },
		"SetConnection":   func() error { return second(a.SetConnection(ctx, 0, "disconnected", "")) },
		"Disconnect":      func() error { return second(a.Disconnect(ctx, "olga")) },
		"Touch":           func() error { return a.Touch(ctx, cdc.KindRep, "1") },
		"TouchAll":        func() error { return a.TouchAll(ctx, 0) },
		"Remember":        func() error { return a.Remember(ctx, func(*store.Marks) error { return nil }) },
		"WidenPart":       func() error { return a.WidenPart(ctx, nil, func(*store.Marks) error { return nil }) },
		"Widen":           func() error { return a.Widen(ctx, nil, false, false, func(*store.Marks) error { return nil }) },
	} {
		if err := write(); !errors.Is(err, lease.ErrLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	open, err := a.Open(ctx)
	if err != nil || len(open) != 1 || open[0].ActivityID != "" {
		t.Errorf("calls on record: %+v, %v", open, err)
	}
}

// What changes the state outside begin and write is fenced by nothing. These are
// meant to be: they keep the fence themselves, or are nobody's alone.
var unfenced = map[string][]string{
	"store.go":        {"begin", "write"},
	"lease.go":        nil, // the leases themselves; each statement names the token
	"workers.go":      nil, // who lives; each process says that of itself
	"budget.go":       nil, // fenced in a way of its own
	"console.go":      nil, // who may see the console belongs to no key
	"migrate.go":      nil,
	"ready.go":        nil,
	"connection.go":   {"LockTokens"},   // new tokens are kept whoever has the lease
	"installation.go": nil,              // the first start, and an adoption
	"consent.go":      {"WriteConsent"}, // it only reads, at one snapshot
	"statistics.go":   {"analyze"},
}

func TestEveryWriteIsFenced(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, f := range files {
		allowed, whole := unfenced[f.Name()]
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") || whole && allowed == nil {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok || slices.Contains(allowed, function.Name.Name) {
				continue
			}
			looked++
			for _, problem := range writes(function) {
				t.Errorf("%s: %s: %s", f.Name(), function.Name.Name, problem)
			}
		}
	}
	if looked < 100 {
		t.Errorf("looked at %d functions only", looked)
	}
}

// writes are the calls of a function that may change something by the pool itself:
// everything but a query, and a query that is no select.
func writes(function *ast.FuncDecl) (problems []string) {
	ast.Inspect(function, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, arg := range call.Args {
			if of, ok := arg.(*ast.SelectorExpr); ok && of.Sel.Name == "pool" {
				if called, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(called.Sel.Name, "Begin") {
					problems = append(problems, called.Sel.Name+" of the pool")
				}
			}
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := method.X.(*ast.SelectorExpr)
		if !ok || of.Sel.Name != "pool" {
			return true
		}
		if method.Sel.Name != "Query" && method.Sel.Name != "QueryRow" {
			problems = append(problems, "pool."+method.Sel.Name)
			return true
		}
		for _, arg := range call.Args {
			text, ok := arg.(*ast.BasicLit)
			if ok && text.Kind == token.STRING && len(call.Args) > 1 && arg == call.Args[1] {
				if first := strings.ToLower(strings.TrimSpace(strings.Trim(text.Value, "`\""))); !strings.HasPrefix(first, "select") {
					problems = append(problems, "pool."+method.Sel.Name+" of no select")
				}
			}
		}
		return true
	})
	return problems
}

package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/mapper"
)

var noon = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

// A plan keeps counts, not operations. What it says is held is what
// mapper.Guard says of all operations at once.
func TestPlanHoldsWhatGuardHolds(t *testing.T) {
	lists := []mapper.ListKey{"all_active", "type:Full", "group:1"}
	rapid.Check(t, func(t *rapid.T) {
		var ops []mapper.Op
		for i := range rapid.IntRange(0, 60).Draw(t, "ops") {
			op := mapper.Op{
				Kind:    rapid.SampledFrom([]mapper.OpKind{mapper.AddToList, mapper.InactivateFromList}).Draw(t, "kind"),
				Address: mapper.Address(string(rune('a'+i%26)) + string(rune('a'+i/26)) + "@example.org"),
				List:    rapid.SampledFrom(lists).Draw(t, "list"), Rep: mapper.RepID(string(rune('a' + i))),
				Approved: rapid.IntRange(0, 9).Draw(t, "approved") == 0,
			}
			if op.Kind == mapper.AddToList {
				op.Readd, op.OptedIn, op.Carried = rapid.Bool().Draw(t, "readd"), rapid.Bool().Draw(t, "opted in"), rapid.Bool().Draw(t, "carried")
			} else {
				op.Reason = rapid.SampledFrom([]mapper.Reason{mapper.ReasonRepInactive, mapper.ReasonOptedOut}).Draw(t, "reason")
				op.OptOut = op.Reason == mapper.ReasonOptedOut
			}
			ops = append(ops, op)
		}
		guards := mapper.Guards{
			Source: rapid.IntRange(0, 4).Draw(t, "source") == 0, WentBack: rapid.IntRange(0, 4).Draw(t, "went back") == 0,
			OptIns: rapid.IntRange(0, 20).Draw(t, "opt-ins"), AddressChanges: rapid.IntRange(40, 60).Draw(t, "changes"),
			Lists: map[mapper.ListKey]mapper.ListGuard{},
		}
		for _, key := range lists {
			guards.Lists[key] = mapper.ListGuard{
				Base: rapid.IntRange(0, 100).Draw(t, "base"), Removed: rapid.IntRange(0, 12).Draw(t, "removed"), Waiting: rapid.IntRange(0, 5).Draw(t, "waiting"),
			}
		}
		thresholds := mapper.Thresholds{Few: 5, Percent: 20, Many: 15, Small: 5}
		send, held := mapper.Guard(ops, guards, thresholds)

		// In pieces, as it comes.
		p := report.NewPlan("1", noon, store.Freshness{}, true)
		for len(ops) > 0 {
			n := rapid.IntRange(1, len(ops)).Draw(t, "piece")
			if err := p.Add(mapper.Input{}, mapper.Output{Ops: ops[:n]}); err != nil {
				t.Fatal(err)
			}
			ops = ops[n:]
		}
		p.Hold(guards, thresholds)

		type numbers struct {
			adds, removals int
			kinds          map[mapper.HoldKind]int
		}
		for _, l := range p.Lists() {
			want := numbers{kinds: map[mapper.HoldKind]int{}}
			named := map[mapper.Address]mapper.HoldKind{}
			total := 0
			for _, op := range send {
				switch {
				case op.List != l.Key:
				case op.Kind == mapper.AddToList:
					want.adds++
				default:
					want.removals++
				}
			}
			for _, h := range held {
				if h.Op.List == l.Key {
					want.kinds[h.Kind]++
					named[h.Op.Address] = h.Kind
					total++
				}
			}
			if l.Adds != want.adds || l.Removals != want.removals || l.Held != total {
				t.Fatalf("%s: adds %d, removals %d, held %d; Guard says %d, %d, %d", l.Key, l.Adds, l.Removals, l.Held, want.adds, want.removals, total)
			}
			for kind, n := range want.kinds {
				if l.Kinds[kind] != n {
					t.Fatalf("%s: held %v, Guard says %v", l.Key, l.Kinds, want.kinds)
				}
			}
			for _, who := range l.People {
				if who.Held != named[who.Address] {
					t.Fatalf("%s: %s is held %q, Guard says %q", l.Key, who.Address, who.Held, named[who.Address])
				}
			}
		}
	})
}

// What the plan would lift itself counts among the opt-outs lifted within the
// hour.
func TestPlanCountsOptInsOfItsOwn(t *testing.T) {
	var in mapper.Input
	var out mapper.Output
	for i := range 11 {
		address := mapper.Address(string(rune('a'+i)) + "@example.org")
		in.People = append(in.People, mapper.Person{Address: address})
		out.OptOuts = append(out.OptOuts, mapper.OptOutMemory{Address: address})
		out.Ops = append(out.Ops, mapper.Op{Kind: mapper.AddToList, Address: address, List: "all_active", OptedIn: true})
	}
	p := report.NewPlan("1", noon, store.Freshness{}, false)
	if err := p.Add(in, out); err != nil {
		t.Fatal(err)
	}
	p.Hold(mapper.Guards{}, mapper.DefaultThresholds)
	if l := p.Lists()[0]; l.Held != 11 || l.Kinds[mapper.HoldOptedIn] != 11 {
		t.Errorf("held %d, by kind %v; want 11 opted_in", l.Held, l.Kinds)
	}
}

// A plan without names keeps nobody.
func TestPlanWithoutNamesNamesNobody(t *testing.T) {
	in := mapper.Input{People: []mapper.Person{{Address: "ann@example.org", Holders: []mapper.Rep{{ID: "1", FirstName: "Ann", LastName: "Smith"}}}}}
	out := mapper.Output{Ops: []mapper.Op{{Kind: mapper.AddToList, Address: "ann@example.org", List: "all_active", Rep: "1"}}}
	for _, names := range []bool{false, true} {
		p := report.NewPlan("1", noon, store.Freshness{}, names)
		if err := p.Add(in, out); err != nil {
			t.Fatal(err)
		}
		p.Hold(mapper.Guards{}, mapper.DefaultThresholds)
		var text, document bytes.Buffer
		if err := p.Text(&text); err != nil {
			t.Fatal(err)
		}
		d, err := report.NewDocuments(&document, "plans")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Document(d); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(document.Bytes()) {
			t.Errorf("no JSON: %s", document.String())
		}
		for _, said := range []string{text.String(), document.String()} {
			for _, mark := range []string{"ann@example.org", "Smith"} {
				if strings.Contains(said, mark) != names {
					t.Errorf("names %t: %s", names, said)
				}
			}
		}
	}
}

// Names come from people's keyboards.
func TestTextKeepsToItsLines(t *testing.T) {
	out := mapper.Output{Lists: []mapper.List{{Key: "group:1", Name: "Two\nlines\x1b[31m\tand a tab"}}}
	p := report.NewPlan("1", noon, store.Freshness{}, false)
	if err := p.Add(mapper.Input{}, out); err != nil {
		t.Fatal(err)
	}
	p.Hold(mapper.Guards{}, mapper.DefaultThresholds)
	var text bytes.Buffer
	if err := p.Text(&text); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\t") || !strings.Contains(text.String(), "Two lines [31m and a tab [group:1]") {
		t.Errorf("%q", text.String())
	}
}

// No cell is a formula, and no address is changed to keep it from being one.
func TestExportNeutralisesFormulas(t *testing.T) {
	var people, leftOut bytes.Buffer
	x, err := report.NewExport(&people, &leftOut, mapper.Policy{SendPhone: true, SendAddress: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, start := range []string{"=", "+", "-", "@", "\t", "\r"} {
		f := mapper.Fields{FirstName: start + "1", LastName: start, Company: start + "x", JobTitle: start, Phone: start + "1 555", Street: start, Zip: start + "2"}
		if err := x.Person("ann@example.org", f); err != nil {
			t.Fatal(err)
		}
		if err := x.Person(mapper.Address(start+"ann@example.org"), f); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.LeftOut(mapper.Person{Address: "=cmd", Holders: []mapper.Rep{{ID: "-1", FirstName: "@a"}}}, []mapper.Reason{mapper.ReasonInvalidEmail}); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x.People != 6 || x.Omitted != 7 {
		t.Errorf("%d people, %d left out; want 6 and 7", x.People, x.Omitted)
	}
	for name, text := range map[string]string{"people": people.String(), "left out": leftOut.String()} {
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
					t.Errorf("%s: cell %q", name, cell)
				}
			}
		}
		if name == "people" && strings.Join(rows[0], ",") != "email,first_name,last_name,company_name,job_title,phone,street,city,state,zip,country" {
			t.Errorf("header %q", rows[0])
		}
		if name == "people" && rows[1][0] != "ann@example.org" {
			t.Errorf("address %q", rows[1][0])
		}
	}
}

// Every kind of question says what it asks and what both answers mean.
func TestEveryQuestionIsExplained(t *testing.T) {
	for _, kind := range []mapper.HoldKind{
		mapper.HoldRemovals, mapper.HoldSource, mapper.HoldWentBack, mapper.HoldOptedIn, mapper.HoldAddressChanges,
		mapper.HoldManyLeft, mapper.HoldLeftBehind, mapper.HoldForeign, mapper.HoldMayHaveLeft,
	} {
		for _, state := range []string{"waiting", "approved", "rejected", "expired"} {
			a := report.NewApproval(store.ApprovalRow{Kind: kind, State: state}, nil)
			if a.Question == "" || strings.TrimSpace(a.Means) == "" {
				t.Errorf("%s, %s: asks %q, means %q", kind, state, a.Question, a.Means)
			}
		}
	}
}

package mapper

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func removals(n int) []Op {
	ops := make([]Op, n)
	for i := range ops {
		ops[i] = Op{Kind: InactivateFromList, Address: Address(fmt.Sprintf("person%d@example.org", i)), List: "group:7"}
	}
	return ops
}

func repeat(n int, op Op) []Op { return slices.Repeat([]Op{op}, n) }

// Each threshold, on both sides of its boundary.
func TestGuardThresholds(t *testing.T) {
	for name, test := range map[string]struct {
		ops  []Op
		list ListGuard
		t    Thresholds
		held int
	}{
		"ten of any list":               {removals(10), ListGuard{Base: 11}, DefaultThresholds, 0},
		"eleven, more than 20 %":        {removals(11), ListGuard{Base: 54}, DefaultThresholds, 11},
		"eleven, exactly 20 %":          {removals(11), ListGuard{Base: 55}, DefaultThresholds, 0},
		"500 of many":                   {removals(500), ListGuard{Base: 100_000}, DefaultThresholds, 0},
		"501 of many":                   {removals(501), ListGuard{Base: 100_000}, DefaultThresholds, 501},
		"a list of 5 gets empty":        {removals(5), ListGuard{Base: 5}, DefaultThresholds, 5},
		"one of 5 stays":                {removals(4), ListGuard{Base: 5}, DefaultThresholds, 0},
		"a list of 4 gets empty":        {removals(4), ListGuard{Base: 4}, DefaultThresholds, 0},
		"eleven of unknown size":        {removals(11), ListGuard{}, DefaultThresholds, 11},
		"ten of unknown size":           {removals(10), ListGuard{}, DefaultThresholds, 0},
		"sent before count":             {removals(1), ListGuard{Base: 50, Removed: 10}, DefaultThresholds, 1},
		"sent before, still few":        {removals(1), ListGuard{Base: 50, Removed: 9}, DefaultThresholds, 0},
		"waiting before count":          {removals(1), ListGuard{Base: 50, Removed: 4, Waiting: 6}, DefaultThresholds, 1},
		"opted out, approved: few":      {removals(1), ListGuard{Base: 50, Gone: 30}, DefaultThresholds, 0},
		"opted out, approved: empties":  {removals(1), ListGuard{Base: 5, Gone: 4}, DefaultThresholds, 1},
		"opted out at hand: empties":    {append(removals(1), repeat(4, Op{Kind: InactivateFromList, List: "group:7", OptOut: true})...), ListGuard{Base: 5}, DefaultThresholds, 1},
		"approved at hand: no number":   {append(removals(1), repeat(30, Op{Kind: InactivateFromList, List: "group:7", Approved: true})...), ListGuard{Base: 50}, DefaultThresholds, 0},
		"another list's do not count":   {append(removals(1), repeat(10, Op{Kind: InactivateFromList, List: "group:8"})...), ListGuard{Base: 20}, DefaultThresholds, 0},
		"additions do not count":        {append(removals(1), repeat(30, Op{Kind: AddToList, List: "group:7"})...), ListGuard{Base: 50}, DefaultThresholds, 0},
		"off":                           {removals(600), ListGuard{Base: 600}, Thresholds{Off: true}, 0},
		"set by the operator":           {removals(3), ListGuard{Base: 10}, Thresholds{Few: 2, Percent: 10, Many: 500, Small: 5}, 3},
		"set by the operator, few":      {removals(2), ListGuard{Base: 10}, Thresholds{Few: 2, Percent: 10, Many: 500, Small: 5}, 0},
		"no thresholds hold everything": {removals(1), ListGuard{Base: 100}, Thresholds{}, 1},
	} {
		send, held := Guard(test.ops, Guards{Lists: map[ListKey]ListGuard{"group:7": test.list}}, test.t)
		if len(held) != test.held || len(send)+len(held) != len(test.ops) {
			t.Errorf("%s: %d held of %d, want %d", name, len(held), len(test.ops), test.held)
		}
		for _, h := range held {
			if h.Kind != HoldRemovals || h.Op.Kind != InactivateFromList || h.Op.OptOut || h.Op.Approved {
				t.Errorf("%s: held as %s: %+v", name, h.Kind, h.Op)
			}
		}
	}
}

// Each alarm and each number, on both sides of its boundary.
func TestGuardAlarms(t *testing.T) {
	remove := Op{Kind: InactivateFromList, List: "group:7"}
	optOut := Op{Kind: InactivateFromList, List: "group:7", OptOut: true}
	approved := Op{Kind: InactivateFromList, List: "group:7", Approved: true}
	add := Op{Kind: AddToList, List: "group:7"}
	readd := Op{Kind: AddToList, List: "group:7", Readd: true}
	optIn := Op{Kind: AddToList, List: "group:7", Readd: true, OptedIn: true}
	carry := Op{Kind: AddToList, List: "unmanaged:1", Carried: true}
	fields := Op{Kind: UpdateFields}
	for name, test := range map[string]struct {
		guards Guards
		op     Op
		want   HoldKind
	}{
		"nothing wrong":                {Guards{}, remove, ""},
		"source":                       {Guards{Source: true}, remove, HoldSource},
		"source, opt-out":              {Guards{Source: true}, optOut, ""},
		"source, approved":             {Guards{Source: true}, approved, ""},
		"source, added":                {Guards{Source: true}, readd, ""},
		"source, fields":               {Guards{Source: true}, fields, ""},
		"went back":                    {Guards{WentBack: true}, remove, HoldWentBack},
		"went back, opt-out":           {Guards{WentBack: true}, optOut, ""},
		"went back, approved":          {Guards{WentBack: true}, approved, ""},
		"went back, added":             {Guards{WentBack: true}, add, ""},
		"went back, added again":       {Guards{WentBack: true}, readd, HoldWentBack},
		"went back, before the others": {Guards{WentBack: true, Source: true, OptIns: 11}, optIn, HoldWentBack},
		"added again":                  {Guards{}, readd, ""},
		"10 opted in":                  {Guards{OptIns: 10}, optIn, ""},
		"11 opted in":                  {Guards{OptIns: 11}, optIn, HoldOptedIn},
		"11 opted in, another":         {Guards{OptIns: 11}, readd, ""},
		"11 opted in, opt-out":         {Guards{OptIns: 11}, optOut, ""},
		"50 addresses changed":         {Guards{AddressChanges: 50}, carry, ""},
		"51 addresses changed":         {Guards{AddressChanges: 51}, carry, HoldAddressChanges},
		"51 changed, managed lists":    {Guards{AddressChanges: 51}, add, ""},
	} {
		send, held := Guard([]Op{test.op}, test.guards, DefaultThresholds)
		switch {
		case len(send)+len(held) != 1:
			t.Errorf("%s: %d sent, %d held", name, len(send), len(held))
		case len(held) == 1 && held[0].Kind != test.want || len(send) == 1 && test.want != "":
			t.Errorf("%s: held %+v, want %q", name, held, test.want)
		}
	}
}

// Guard loses nothing, keeps the order, and holds no opt-out and nothing
// approved.
func TestGuardSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		ops := Plan(in).Ops
		guards := Guards{
			Source: rapid.Bool().Draw(t, "source"), WentBack: rapid.Bool().Draw(t, "went back"),
			OptIns: rapid.SampledFrom([]int{0, 11}).Draw(t, "opt-ins"), AddressChanges: rapid.SampledFrom([]int{0, 51}).Draw(t, "changes"),
			Lists: map[ListKey]ListGuard{},
		}
		for _, key := range drawKeys {
			guards.Lists[key] = ListGuard{Base: rapid.IntRange(0, 60).Draw(t, "base"), Removed: rapid.IntRange(0, 12).Draw(t, "removed")}
		}
		send, held := Guard(ops, guards, DefaultThresholds)
		if len(send)+len(held) != len(ops) {
			t.Fatalf("%d and %d of %d", len(send), len(held), len(ops))
		}
		for _, op := range ops {
			switch {
			case len(send) > 0 && send[0] == op:
				send = send[1:]
			case len(held) > 0 && held[0].Op == op && !op.OptOut && !op.Approved:
				held = held[1:]
			default:
				t.Fatalf("lost, out of order or held: %+v", op)
			}
		}
	})
}

func TestMany(t *testing.T) {
	for _, test := range []struct {
		n, of int
		want  bool
	}{{10, 10, false}, {11, 11, true}, {11, 54, true}, {11, 55, false}, {0, 0, false}, {-90, 10, false}, {600, 100_000, false}} {
		if got := Many(test.n, test.of); got != test.want {
			t.Errorf("%d of %d: many is %v", test.n, test.of, got)
		}
	}
}

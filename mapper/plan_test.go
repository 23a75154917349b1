package mapper

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wants is section 2 of docs/semantics.md once more, as short as it goes:
// whether the row of one holder puts a usable address on a list.
func wants(r Rep, list List, policy Policy) bool {
	status := strings.ToLower(r.MemberStatus)
	active := r.Active && (status == "active" || status == "courtesy")
	disabled, member := r.Groups[GroupID(list.Ref)]
	switch list.Kind {
	case ListGroup:
		return member && !disabled && (active || !policy.GroupRequiresActive)
	case ListType:
		return active && slices.Contains(r.MembershipTypes, list.Ref)
	case ListAllActive:
		return active
	}
	return false
}

// wantedBy reports whether a holder who is not held back by a previous address
// wants the list, or carries an e-mail change over to it.
func wantedBy(p Person, list List, policy Policy) bool {
	return slices.ContainsFunc(p.Holders, func(r Rep) bool {
		previous := p.Previous[r.ID]
		carries := p.Carry[list.Key] == r.ID && (list.Kind == ListGroup || list.Kind == ListUnmanaged)
		return (previous.Reason == "" || previous.Allowed[list.Key]) && !previous.Left[list.Key] && (carries || wants(r, list, policy))
	})
}

// consents reports whether nothing in the database speaks against mailing.
func consents(p Person, list List) bool {
	lifted := false
	for _, r := range p.Holders {
		if r.OptedOut || r.NotMailable {
			return false
		}
		lifted = lifted || p.SeenOptedOut[r.ID]
	}
	return !p.OptOutAll && (lifted || !p.RememberedOptOut) && !(list.Kind == ListGroup && p.OptOutGroups[GroupID(list.Ref)])
}

// optedOut reports whether there is any opt-out that could explain a removal.
func optedOut(p Person, list List) bool {
	return p.OptOutAll || p.RememberedOptOut || list.Kind == ListGroup && p.OptOutGroups[GroupID(list.Ref)] ||
		slices.ContainsFunc(p.Holders, func(r Rep) bool { return r.OptedOut || p.SeenOptedOut[r.ID] || p.Returned[r.ID] }) ||
		slices.ContainsFunc(p.Former, func(f Former) bool { return f.OptedOut || f.Rep != nil && f.Rep.OptedOut })
}

func unreadable(p Person) bool {
	return slices.ContainsFunc(p.Holders, func(r Rep) bool { return r.Unreadable != "" })
}

func TestPlanInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		out := Plan(in)
		people := map[Address]Person{}
		for _, p := range in.People {
			people[p.Address] = p
		}
		lists := map[ListKey]List{}
		for _, l := range out.Lists {
			lists[l.Key] = l
		}
		gates := Gates(in)
		verdicts := map[string]Verdict{}
		for _, d := range out.Decisions {
			verdicts[string(d.Address)+" "+string(d.List)] = d.Verdict
			if d.Reason != "" && d.Reason.Text() == "" || d.Verdict != On && d.Reason == "" {
				t.Fatalf("decision without a reason: %+v", d)
			}
		}
		done := map[Op]bool{}
		added := map[Address]int{}
		for _, op := range out.Ops {
			if key := (Op{Address: op.Address, List: op.List, From: op.From}); done[key] {
				t.Fatalf("two operations on one pair: %+v", op)
			} else {
				done[key] = true
			}
			p := people[op.Address]
			list, wanted := lists[op.List]
			if strings.HasPrefix(string(op.List), unmanagedPrefix) {
				list, wanted = List{Key: op.List, Kind: ListUnmanaged, Ref: "u1"}, true
			}
			// Whoever opted out goes from a list that is not synced, when somebody
			// approved that.
			cleared := op.OptOut && op.Approved && slices.Contains([]Reason{ReasonOptionOff, ReasonGroupNotSynced, ReasonListRetired}, gates[op.List])
			if op.List != "" && !wanted && !cleared || !in.Connected {
				t.Fatalf("a list that is gated: %+v", op)
			}
			if cleared {
				if op.Kind != InactivateFromList || !p.Pairs[op.List].BelievedOn() || p.Pairs[op.List].Remove.Kind.Adoption() {
					t.Fatalf("cleared: %+v of %+v", op, p)
				}
				continue
			}
			verdict := verdicts[string(op.Address)+" "+string(op.List)]
			switch op.Kind {
			case AddToList:
				added[op.Address]++
				checkAddition(t, op, p, list, in.Policy, out)
			case InactivateFromList:
				checkRemoval(t, op, p, list, verdict)
			case UpdateFields:
				winner := out.Fields[op.Address].Rep
				if winner != p.Contact.TouchedBy || p.Contact.reason() != "" || p.OldAccount != "" {
					t.Fatalf("fields of %s told to %+v", winner, p.Contact)
				}
			case MoveContact:
				if p.Contact.State != ContactAbsent || op.From != p.MoveFrom || !in.Policy.MoveAddress {
					t.Fatalf("moved: %+v %+v", op, p)
				}
			}
		}
		for address, n := range added {
			p := people[address]
			if n > maxContactLists-p.Contact.Lists || done[Op{Address: address, From: p.MoveFrom}] && p.MoveFrom != "" {
				t.Fatalf("%d additions for %+v: %+v", n, p, out.Ops)
			}
		}
		for _, q := range out.FirstLook {
			p := people[q.Address]
			_, wanted := lists[q.List]
			if wanted || p.OptOutAll || p.OldAccount != "" && q.Kind == AddToList || p.RememberedOptOut && len(p.Holders) == 0 ||
				(q.Kind == InactivateFromList) != (p.Pairs[q.List].Shown == ShownOn) || (q.Hold.Verdict == On) != (q.Kind == AddToList) {
				t.Fatalf("asked: %+v about %+v", q, p)
			}
		}
		for _, l := range out.Lists {
			if l.Kind == ListUnmanaged || l.Unseen || l.State == ListNoRoom || l.State == ListRetired {
				t.Fatalf("wanted: %+v", l)
			}
		}
	})
}

// answered reports whether a question lets an operation go on: it was approved,
// it is settled, or there is none.
func answered(h Hold, verdict Verdict) bool {
	settled := h.Kind.Adoption() && h.Verdict != verdict
	leftIsInLedger := h.State == HoldRejected && (h.Kind == HoldManyLeft || h.Kind == HoldMayHaveLeft)
	return h.State == HoldNone || h.State == HoldApproved || settled || leftIsInLedger
}

func checkAddition(t *rapid.T, op Op, p Person, list List, policy Policy, out Output) {
	pair := p.Pairs[list.Key]
	mailable := slices.Contains([]ContactState{ContactUnknown, ContactAbsent, ContactActive}, p.Contact.State)
	quarantined := p.Contact.Refused && !p.Contact.Retry && p.Contact.RefusedFields == ""
	switch {
	case !mailable || p.OldAccount != "" || quarantined || pair.Departed || !answered(pair.Add, On):
		t.Fatalf("added to %s against Constant Contact: %+v %+v", list.Key, p.Contact, pair)
	case pair.Told != ToldRemove && pair.Seen && pair.Shown == ShownOff:
		t.Fatalf("put back on %s: %+v", list.Key, pair)
	case unreadable(p) || !consents(p, list) || !wantedBy(p, list, policy):
		t.Fatalf("added to %s against the database: %+v", list.Key, p)
	case op.Approved && pair.Add.State != HoldApproved, pair.Told == ToldRemove && !op.Readd, op.OptedIn && !op.Readd,
		op.OptedIn != (p.OptedIn || wasLifted(p)), op.Carried != (list.Kind == ListUnmanaged):
		t.Fatalf("marks of %+v: %+v", op, p)
	}
	if _, has := out.Fields[p.Address]; !has {
		t.Fatalf("added to %s without fields", list.Key)
	}
}

func wasLifted(p Person) bool {
	return slices.ContainsFunc(p.Holders, func(r Rep) bool { return p.SeenOptedOut[r.ID] && !r.OptedOut })
}

func checkRemoval(t *rapid.T, op Op, p Person, list List, verdict Verdict) {
	pair := p.Pairs[list.Key]
	approved := pair.Remove.State == HoldApproved && answered(pair.Remove, verdict)
	stranger := len(p.Holders)+len(p.Former) == 0
	syncNow := list.Kind == ListGroup && p.Exact[list.Key] && pair.Remove.State == HoldRejected && pair.Remove.Kind.Adoption()
	switch {
	case op.OptOut && !optedOut(p, list):
		t.Fatalf("an opt-out that nobody made: %+v %+v", op, p)
	case pair.Shown != ShownOn && (pair.Told == ToldNothing || pair.Confirmed && pair.Shown == ShownOff):
		t.Fatalf("removed from %s, not believed to be there: %+v", list.Key, pair)
	case list.Kind == ListUnmanaged && pair.Told == ToldNothing:
		t.Fatalf("removed from a list that is not ours: %+v", pair)
	case op.OptOut:
		return
	case verdict != Off && !(verdict == Leave && (p.Exact[list.Key] || approved)):
		t.Fatalf("removed from %s with verdict %s", list.Key, verdict)
	case !answered(pair.Remove, verdict) && !syncNow || unreadable(p) || op.Approved && !approved:
		t.Fatalf("removed from %s: %+v %+v", list.Key, list, p)
	case stranger && list.KeepForeign && list.Kind != ListGroup && !approved:
		t.Fatalf("foreign, removed from %s: %+v %+v", list.Key, list, p)
	case op.Reason.Text() == "":
		t.Fatalf("removed without a reason: %+v", op)
	}
}

// Whoever has opted out and is believed to be on a list that is synced is
// taken off it, whatever else holds.
func TestOptOutsWaitForNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		for i := range in.People {
			in.People[i].OptOutAll = true
		}
		out := Plan(in)
		for _, p := range in.People {
			for _, list := range out.Lists {
				removed := slices.ContainsFunc(out.Ops, func(op Op) bool {
					return op.Kind == InactivateFromList && op.OptOut && op.Address == p.Address && op.List == list.Key
				})
				if p.Pairs[list.Key].Shown == ShownOn && !removed {
					t.Fatalf("%s is still shown on %s", p.Address, list.Key)
				}
			}
		}
	})
}

// What was planned and carried out leaves nothing to plan, and nothing more to
// withdraw.
func TestPlanIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		out := Plan(in)
		pairs, contacts := map[Address]map[ListKey]Pair{}, map[Address]Contact{}
		for _, p := range in.People {
			pairs[p.Address], contacts[p.Address] = p.Pairs, p.Contact
		}
		pairs, contacts = carryOut(pairs, contacts, out)
		for _, q := range out.Withdrawn {
			pair := pairs[q.Address][q.List]
			*question(&pair, q.Kind) = Hold{}
			pairs[q.Address][q.List] = pair
		}
		memory, moved := map[Address]bool{}, map[Address]bool{}
		for _, m := range out.OptOuts {
			memory[m.Address] = m.OptOut
		}
		for _, op := range out.Ops {
			moved[op.Address] = moved[op.Address] || op.Kind == MoveContact
		}
		in.People = slices.DeleteFunc(slices.Clone(in.People), func(p Person) bool { return moved[p.Address] })
		for i, p := range in.People {
			in.People[i].Pairs, in.People[i].Contact = pairs[p.Address], contacts[p.Address]
			if optOut, changed := memory[p.Address]; changed {
				in.People[i].RememberedOptOut = optOut
			}
		}
		full := map[PairOp]bool{}
		for _, d := range out.Decisions {
			full[PairOp{d.Address, d.List, AddToList}] = d.Reason == ReasonTooManyLists
		}
		again := Plan(in)
		again.Ops = slices.DeleteFunc(again.Ops, func(op Op) bool { // a removal made room
			return full[PairOp{op.Address, op.List, op.Kind}]
		})
		if len(again.Ops)+len(again.OptOuts)+len(again.Winners) > 0 {
			t.Fatalf("planned again: %+v, opt-outs %+v, winners %+v", again.Ops, again.OptOuts, again.Winners)
		}
		for _, q := range again.Withdrawn { // but for what an approval or the retreat of the rows has just settled
			if pair := pairs[q.Address][q.List]; question(&pair, q.Kind).blocks() {
				t.Fatalf("withdrawn late: %+v %+v", q, pair)
			}
		}
	})
}

func TestPlanIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		want := Plan(in)
		in.Groups = rapid.Permutation(in.Groups).Draw(t, "groups")
		in.Known = rapid.Permutation(in.Known).Draw(t, "known")
		in.Types = rapid.Permutation(in.Types).Draw(t, "types")
		in.People = rapid.Permutation(in.People).Draw(t, "people")
		for i, p := range in.People {
			in.People[i].Holders = rapid.Permutation(p.Holders).Draw(t, "holders")
			in.People[i].Former = rapid.Permutation(p.Former).Draw(t, "former")
		}
		if got := Plan(in); !reflect.DeepEqual(got, want) {
			t.Fatalf("plan in another order:\n%+v\nwant\n%+v", got, want)
		}
	})
}

func TestPlanKeepsItsInput(t *testing.T) {
	in := syncEverything()
	in.People = []Person{
		{Address: "b@example.org", Holders: []Rep{{ID: "2"}, {ID: "1", Active: true, MemberStatus: "active"}}},
		{Address: "a@example.org"},
	}
	Plan(in)
	if in.People[0].Address != "b@example.org" || in.People[0].Holders[0].ID != "2" {
		t.Errorf("input after Plan: %+v", in.People)
	}
}

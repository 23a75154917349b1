package mapper

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func printPair(p Pair) string {
	text := ""
	for _, flag := range []struct {
		set  bool
		text string
	}{
		{p.Told != "", "told=" + string(p.Told)},
		{p.Confirmed, "confirmed"},
		{p.Seen, "seen"},
		{p.Shown != "", "shown=" + string(p.Shown)},
		{p.Departed, "departed"},
	} {
		if flag.set {
			text += " " + flag.text
		}
	}
	return text
}

// print writes a plan as text: the lists where they changed, the operations,
// those that are held, then the verdict of every pair that has a reason.
func (w *world) print(out Output, held []Held) string {
	var text, lists strings.Builder
	for _, l := range out.Lists {
		fmt.Fprintf(&lists, "list %s %q", l.Key, l.Name)
		if l.Derived {
			lists.WriteString(" derived")
		}
		if l.Cut {
			lists.WriteString(" cut")
		}
		lists.WriteByte('\n')
	}
	if lists.String() != w.lists {
		w.lists = lists.String()
		text.WriteString(cmp.Or(w.lists, "no lists\n"))
	}
	for _, key := range slices.Sorted(maps.Keys(out.States)) {
		fmt.Fprintf(&text, "state %s %s\n", key, out.States[key])
	}
	for _, m := range out.OptOuts {
		fmt.Fprintf(&text, "%s opt-out %s\n", map[bool]string{true: "remember", false: "forget"}[m.OptOut], m.Address)
	}
	for _, q := range out.Withdrawn {
		fmt.Fprintf(&text, "withdraw %s %s %s\n", map[OpKind]string{AddToList: "add", InactivateFromList: "remove"}[q.Kind], q.List, q.Address)
	}
	for _, op := range out.Ops {
		text.WriteString(printOp(op, out.Fields[op.Address]))
	}
	if len(out.Ops) == 0 {
		text.WriteString("nothing to do\n")
	}
	for _, h := range held {
		fmt.Fprintf(&text, "hold %s: %s", h.Kind, printOp(h.Op, Fields{}))
	}
	for _, q := range out.FirstLook {
		fmt.Fprintf(&text, "ask %s %s %s (%s) %s\n", q.Hold.Kind, q.List, q.Address, q.Hold.Verdict, q.Reason)
	}
	for _, a := range slices.Sorted(maps.Keys(out.Winners)) {
		fmt.Fprintf(&text, "winner %s rep=%s\n", a, out.Winners[a].Rep)
	}
	for _, d := range out.Decisions {
		if d.Reason != "" {
			fmt.Fprintf(&text, "%s %s %q %s\n", d.Verdict, d.List, d.Address, d.Reason)
		}
	}
	return text.String()
}

func printOp(op Op, f Fields) string {
	var text strings.Builder
	switch op.Kind {
	case AddToList:
		fmt.Fprintf(&text, "add %s %s", op.List, op.Address)
	case InactivateFromList:
		fmt.Fprintf(&text, "remove %s %s %s", op.List, op.Address, op.Reason)
	case UpdateFields:
		fmt.Fprintf(&text, "fields %s rep=%s %q %q %q %q", op.Address, f.Rep, f.FirstName, f.LastName, f.Company, f.JobTitle)
		for _, extra := range []struct{ key, value string }{
			{"phone", f.Phone}, {"street", f.Street}, {"city", f.City}, {"state", f.State}, {"zip", f.Zip}, {"country", f.Country},
		} {
			if extra.value != "" {
				fmt.Fprintf(&text, " %s=%q", extra.key, extra.value)
			}
		}
	case MoveContact:
		fmt.Fprintf(&text, "move %s from %s rep=%s", op.Address, op.From, op.Rep)
	}
	for _, flag := range []struct {
		set  bool
		text string
	}{
		{op.OptOut, " (opt-out)"},
		{op.Approved, " (approved)"},
		{op.Readd, " (again)"},
		{op.OptedIn, " (opted in)"},
		{op.Carried, " (carried)"},
		{op.Kind == UpdateFields && len(f.Cut) > 0, " (cut)"},
	} {
		if flag.set {
			text.WriteString(flag.text)
		}
	}
	return text.String() + "\n"
}

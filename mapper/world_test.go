package mapper

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// world is a member database, a ledger and a Constant Contact account as a
// story tells them.
type world struct {
	input    Input // without People
	reps     []Rep
	optOuts  []optOut
	contacts map[Address]Contact
	pairs    map[Address]map[ListKey]Pair
	exact    map[ListKey]bool
	previous map[RepID]Previous
	carry    map[Address]map[ListKey]RepID
	moves    map[Address]Address // new address to the previous one
	leaving  map[Address]bool
	// oldAccount is what an account before this one showed.
	oldAccount map[Address]ContactState
	guards     Guards

	seen     map[Address]map[RepID]bool // what plans saw: a rep at an address, opted out or not
	gone     map[Address]map[RepID]bool // who had opted out when they were last seen, and was gone since
	edited   map[Address]Address
	memory   map[Address]bool
	last     Output
	lists    string // as last printed
	changed  string
	readings int
}

type optOut struct {
	address Address
	group   GroupID
}

func newWorld() *world {
	return &world{
		input: Input{
			Connected: true,
			Options:   Options{NewsletterSolution: "ConstantContact", SyncAllActive: true, SyncMembershipTypes: true, SyncGroups: true},
		},
		contacts: map[Address]Contact{},
		pairs:    map[Address]map[ListKey]Pair{},
		seen:     map[Address]map[RepID]bool{},
		gone:     map[Address]map[RepID]bool{},
		memory:   map[Address]bool{},

		oldAccount: map[Address]ContactState{},
	}
}

// row is one line of a section: words, and key=value words.
type row struct {
	words []string
	keys  map[string]string
}

func (r row) number(key string) int {
	n, err := strconv.Atoi(cmp.Or(r.keys[key], "0"))
	if err != nil {
		panic(err)
	}
	return n
}

func (r row) has(word string) bool { return slices.Contains(r.words, word) }

func (r row) list(key string) []string {
	if r.keys[key] == "" {
		return nil
	}
	return strings.Split(r.keys[key], ",")
}

func parseRows(text string) []row {
	var rows []row
	for line := range strings.Lines(text) {
		r := row{keys: map[string]string{}}
		quoted := false
		for _, word := range strings.FieldsFunc(line, func(c rune) bool {
			if c == '"' {
				quoted = !quoted
			}
			return !quoted && (c == ' ' || c == '\n')
		}) {
			key, value, isKey := strings.Cut(strings.ReplaceAll(word, `"`, ""), "=")
			if isKey {
				r.keys[key] = value
			} else {
				r.words = append(r.words, key)
			}
		}
		if len(r.words)+len(r.keys) > 0 && !strings.HasPrefix(line, "#") {
			rows = append(rows, r)
		}
	}
	return rows
}

// set replaces the rows of one kind. A read is what a reading of Constant
// Contact shows of some contacts.
func (w *world) set(section, text string) error {
	rows := parseRows(text)
	switch section {
	case "options":
		w.setOptions(rows)
	case "groups": // id name ticked|unticked
		w.input.Groups = nil
		for _, r := range rows {
			w.input.Groups = append(w.input.Groups, Group{ID: GroupID(r.words[0]), Name: r.words[1], Sync: r.has("ticked")})
		}
	case "types": // name [id=]; see the option types_complete
		w.input.Types = nil
		for _, r := range rows {
			w.input.Types = append(w.input.Types, MembershipType{ID: r.keys["id"], Name: r.words[0]})
		}
	case "reps":
		w.reps = nil
		for _, r := range rows {
			w.reps = append(w.reps, parseRep(r))
		}
	case "opt_outs": // address [group=id]
		w.optOuts = nil
		for _, r := range rows {
			w.optOuts = append(w.optOuts, optOut{Address(r.words[0]), GroupID(r.keys["group"])})
		}
	case "lists": // key name [state] [existed] [unseen] [keep_foreign]
		w.input.Known = nil
		for _, r := range rows {
			w.input.Known = append(w.input.Known, parseList(r))
		}
	case "contacts": // address state [id=] [refused] [retry] [lists=]
		for _, r := range rows {
			c := w.contacts[Address(r.words[0])]
			c.State, c.ID, c.Refused, c.Retry = ContactState(r.words[1]), r.keys["id"], r.has("refused"), r.has("retry")
			c.Lists = r.number("lists")
			w.contacts[Address(r.words[0])] = c
		}
	case "old account": // address state
		for _, r := range rows {
			w.oldAccount[Address(r.words[0])] = ContactState(r.words[1])
		}
	case "ledger": // key address [told=] [confirmed] [seen] [shown=] [departed] [add=hold] [remove=hold]
		for _, r := range rows {
			w.setPair(Address(r.words[1]), ListKey(r.words[0]), Pair{
				Told: Told(r.keys["told"]), Confirmed: r.has("confirmed"), Seen: r.has("seen"),
				Shown: Shown(r.keys["shown"]), Departed: r.has("departed"),
				Add: parseHold(r.keys["add"]), Remove: parseHold(r.keys["remove"]),
			})
		}
	case "decide": // kind state [list]: the answer to every question of a kind
		for _, r := range rows {
			w.decideHolds(HoldKind(r.words[0]), HoldState(r.words[1]), r.words[2:])
		}
	case "look": // key: the first look at a list is over
		for _, r := range rows {
			w.look([]ListKey{ListKey(r.words[0])})
		}
	case "guards": // key [base=] [removed=] [waiting=] [gone=], [source] [went_back] [opt_ins=] [address_changes=]
		w.setGuards(rows)
	case "previous": // rep [reason=] [left=keys]
		w.previous = map[RepID]Previous{}
		for _, r := range rows {
			left := map[ListKey]bool{}
			for _, key := range r.list("left") {
				left[ListKey(key)] = true
			}
			w.previous[RepID(r.words[0])] = Previous{Reason: Reason(r.keys["reason"]), Left: left}
		}
	case "carry": // key address rep
		w.carry = map[Address]map[ListKey]RepID{}
		for _, r := range rows {
			a := Address(r.words[1])
			if w.carry[a] == nil {
				w.carry[a] = map[ListKey]RepID{}
			}
			w.carry[a][ListKey(r.words[0])] = RepID(r.words[2])
		}
	case "moves": // new_address previous_address, where it is possible; leaving=previous_address, where it is not finished
		w.moves, w.leaving = map[Address]Address{}, map[Address]bool{}
		for _, r := range rows {
			if len(r.words) == 2 {
				w.moves[Address(r.words[0])] = Address(r.words[1])
			}
			w.leaving[Address(r.keys["leaving"])] = true
		}
	case "edited": // address previous_address, whose contact was given the first in Constant Contact
		w.edited = map[Address]Address{}
		for _, r := range rows {
			w.edited[Address(r.words[0])] = Address(r.words[1])
		}
	case "exact":
		w.exact = map[ListKey]bool{}
		for _, r := range rows {
			w.exact[ListKey(r.words[0])] = true
		}
	case "read": // address state [on=keys] [settling=keys] [total=]
		w.read(rows)
	default:
		return fmt.Errorf("unknown section %q", section)
	}
	return nil
}

func (w *world) setOptions(rows []row) {
	for _, r := range rows {
		for key, value := range r.keys {
			switch key {
			case "newsletter":
				w.input.Options.NewsletterSolution = value
			case "account":
				w.input.OtherAccount = value == "other"
			case "connected":
				w.input.Connected = value == "yes"
			case "all_active_name":
				w.input.Policy.AllActiveName = value
			case "on_removed":
				w.input.Policy.RemoveOnMissingRow = value == "remove"
			case "group_requires_active":
				w.input.Policy.GroupRequiresActive = value == "yes"
			case "move_address":
				w.input.Policy.MoveAddress = value == "yes"
			case "send":
				w.input.Policy.SendPhone = slices.Contains(r.list("send"), "phone")
				w.input.Policy.SendAddress = slices.Contains(r.list("send"), "address")
			case "types_complete":
				w.input.TypesComplete = value == "yes"
			case "sync":
				on := r.list("sync")
				w.input.Options.SyncAllActive = slices.Contains(on, "all_active")
				w.input.Options.SyncMembershipTypes = slices.Contains(on, "types")
				w.input.Options.SyncGroups = slices.Contains(on, "groups")
			}
		}
	}
}

// parseRep reads: id email [inactive] [opted_out] [not_mailable] [member=]
// [types=] [groups=id[:disabled],…] [first=] [last=] [company=] [title=]
// [phone=] [street=] [city=] [state=] [zip=] [country=] [unreadable=column].
func parseRep(r row) Rep {
	rep := Rep{
		ID: RepID(r.words[0]), Active: !r.has("inactive"), MemberStatus: cmp.Or(r.keys["member"], "active"),
		MembershipTypes: r.list("types"), OptedOut: r.has("opted_out"), NotMailable: r.has("not_mailable"),
		FirstName: r.keys["first"], LastName: r.keys["last"], Company: r.keys["company"], JobTitle: r.keys["title"],
		Phone: r.keys["phone"], Street: r.keys["street"], City: r.keys["city"], State: r.keys["state"],
		Zip: r.keys["zip"], Country: r.keys["country"],
		Groups: map[GroupID]bool{}, Unreadable: r.keys["unreadable"],
	}
	if len(r.words) > 1 && !slices.Contains([]string{"inactive", "opted_out", "not_mailable"}, r.words[1]) {
		rep.Email = r.words[1]
	}
	for _, group := range r.list("groups") {
		id, disabled := strings.CutSuffix(group, ":disabled")
		rep.Groups[GroupID(id)] = disabled
	}
	return rep
}

func parseList(r row) List {
	list := List{
		Key: ListKey(r.words[0]), Name: r.words[1], State: ListBound,
		Existed: r.has("existed"), Unseen: r.has("unseen"), KeepForeign: r.has("keep_foreign"),
	}
	kind, ref, _ := strings.Cut(r.words[0], ":")
	list.Kind, list.Ref = ListKind(kind), ref
	for _, state := range []ListState{ListMissing, ListAmbiguous, ListRetired, ListNoRoom, ListOff} {
		if r.has(string(state)) {
			list.State = state
		}
	}
	return list
}

func (w *world) setPair(a Address, key ListKey, pair Pair) {
	if w.pairs[a] == nil {
		w.pairs[a] = map[ListKey]Pair{}
	}
	w.pairs[a][key] = pair
}

// people puts together what the rows and the ledger say of every address.
func (w *world) people() []Person {
	people := map[Address]*Person{}
	at := func(a Address) *Person {
		if people[a] == nil {
			people[a] = &Person{
				Address: a, SeenOptedOut: map[RepID]bool{}, Returned: map[RepID]bool{}, RememberedOptOut: w.memory[a], OptOutGroups: map[GroupID]bool{},
				Contact: w.contacts[a], OldAccount: w.oldAccount[a], Pairs: w.pairs[a], Exact: w.exact,
				Previous: w.previous, Carry: w.carry[a], MoveFrom: w.moves[a], Leaving: w.leaving[a],
			}
		}
		return people[a]
	}
	byID := map[RepID]*Rep{}
	for i, rep := range w.reps {
		byID[rep.ID] = &w.reps[i]
		p := at(addressOf(rep))
		p.Holders = append(p.Holders, rep)
	}
	for a, reps := range w.seen {
		for _, id := range slices.Sorted(maps.Keys(reps)) {
			p := at(a)
			if slices.ContainsFunc(p.Holders, func(h Rep) bool { return h.ID == id }) {
				if w.gone[a][id] {
					p.Returned[id] = true
				} else {
					p.SeenOptedOut[id] = reps[id]
				}
			} else {
				p.Former = append(p.Former, Former{Rep: byID[id], OptedOut: reps[id], Gone: w.gone[a][id]})
			}
		}
	}
	for a := range w.pairs {
		at(a)
	}
	for _, out := range w.optOuts {
		if out.group == "" {
			at(out.address).OptOutAll = true
		} else {
			at(out.address).OptOutGroups[out.group] = true
		}
	}
	for a, from := range w.edited {
		at(a).EditedFrom = []Person{*at(from)}
	}
	all := make([]Person, 0, len(people))
	for _, a := range slices.Sorted(maps.Keys(people)) {
		all = append(all, *people[a])
	}
	return all
}

func addressOf(rep Rep) Address {
	a, problem := Normalize(rep.Email)
	if problem != "" {
		return Address(strings.TrimSpace(rep.Email))
	}
	return a
}

// plan plans, carries the operations out and makes sure that nothing is left
// to do.
func (w *world) plan(t *testing.T) string {
	t.Helper()
	w.input.People = w.people()
	out := Plan(w.input)
	var held []Held
	out.Ops, held = Guard(out.Ops, w.guards, DefaultThresholds)
	w.last = out
	text := w.print(out, held)
	w.carryOut(out)
	w.hold(out.Withdrawn, held)
	w.input.People = w.people()
	again := Plan(w.input)
	again.Ops = slices.DeleteFunc(again.Ops, func(op Op) bool { // what a contact's lists and fields lack follows its move
		return slices.ContainsFunc(out.Ops, func(o Op) bool { return o.Kind == MoveContact && o.Address == op.Address })
	})
	if len(again.Ops)+len(again.OptOuts) > 0 {
		t.Errorf("plan after the plan was carried out: %+v %+v", again.Ops, again.OptOuts)
	}
	return text
}

func (w *world) carryOut(out Output) {
	w.pairs, w.contacts = carryOut(w.pairs, w.contacts, out)
	for i, list := range w.input.Known {
		if state, changed := out.States[list.Key]; changed {
			w.input.Known[i].State = state
		}
	}
	for _, list := range out.Lists {
		if !slices.ContainsFunc(w.input.Known, func(l List) bool { return l.Key == list.Key }) {
			list.State = ListBound
			w.input.Known = append(w.input.Known, list)
		}
	}
	for _, m := range out.OptOuts {
		w.memory[m.Address] = m.OptOut
	}
	for _, p := range w.input.People {
		if w.seen[p.Address] == nil {
			w.seen[p.Address] = map[RepID]bool{}
		}
		for _, rep := range p.Holders {
			if rep.Unreadable == "" {
				w.seen[p.Address][rep.ID] = rep.OptedOut
				delete(w.gone[p.Address], rep.ID)
			}
		}
		for _, f := range p.Former {
			if f.Rep != nil && f.Rep.Unreadable == "" && (f.Rep.OptedOut || !f.Gone) {
				w.seen[p.Address][f.Rep.ID] = f.Rep.OptedOut
				delete(w.gone[p.Address], f.Rep.ID)
			}
		}
		w.noteGone(p.Address)
	}
}

// noteGone notes who had opted out with an address and is gone.
func (w *world) noteGone(a Address) {
	for id, optedOut := range w.seen[a] {
		if optedOut && !slices.ContainsFunc(w.reps, func(r Rep) bool { return r.ID == id }) {
			if w.gone[a] == nil {
				w.gone[a] = map[RepID]bool{}
			}
			w.gone[a][id] = true
		}
	}
}

// carryOut is what Constant Contact does with a plan that nothing delays.
func carryOut(pairs map[Address]map[ListKey]Pair, contacts map[Address]Contact, out Output) (map[Address]map[ListKey]Pair, map[Address]Contact) {
	pairs, contacts = maps.Clone(pairs), maps.Clone(contacts)
	for a := range pairs {
		pairs[a] = maps.Clone(pairs[a])
	}
	for _, op := range out.Ops {
		told := map[OpKind]Told{AddToList: ToldAdd, InactivateFromList: ToldRemove}[op.Kind]
		if told != ToldNothing {
			if pairs[op.Address] == nil {
				pairs[op.Address] = map[ListKey]Pair{}
			}
			pairs[op.Address][op.List] = pairs[op.Address][op.List].Tell(told).Confirm()
		}
		switch op.Kind {
		case AddToList:
			c := contacts[op.Address]
			c.State = ContactActive
			contacts[op.Address] = c
		case MoveContact:
			from, to := Moved(Person{Contact: contacts[op.From], Pairs: pairs[op.From]}, Person{Pairs: pairs[op.Address]})
			to.Contact.State = ContactActive
			pairs[op.From], contacts[op.From] = from.Pairs, from.Contact
			pairs[op.Address], contacts[op.Address] = to.Pairs, to.Contact
		}
	}
	for _, told := range []map[Address]Fields{out.Fields, out.Winners} {
		for a, f := range told {
			c := contacts[a]
			c.TouchedBy, c.Fields = f.Rep, f.Fingerprint()
			contacts[a] = c
		}
	}
	return pairs, contacts
}

// read folds what Constant Contact shows into the ledger.
func (w *world) read(rows []row) {
	w.changed = ""
	for _, r := range rows {
		a := Address(r.words[0])
		w.readings++
		read := Read{
			State: ContactState(r.words[1]), Lists: map[ListKey]bool{}, At: time.Unix(int64(w.readings), 0),
			Total: r.number("total"),
		}
		if read.State != ContactAbsent {
			read.ID = "contact of " + string(a)
		}
		for _, list := range w.last.Lists {
			read.Lists[list.Key] = slices.Contains(r.list("on"), string(list.Key))
		}
		for key := range w.pairs[a] {
			if _, covered := read.Lists[key]; !covered && strings.HasPrefix(string(key), unmanagedPrefix) {
				read.Lists[key] = slices.Contains(r.list("on"), string(key))
			}
		}
		verdicts := map[ListKey]Verdict{}
		for _, d := range w.last.Decisions {
			if d.Address == a {
				verdicts[d.List] = d.Verdict
			}
		}
		settling := func(key ListKey) bool { return slices.Contains(r.list("settling"), string(key)) }
		before := Person{Address: a, Contact: w.contacts[a], Pairs: w.pairs[a]}
		after, changed := Observe(before, read, verdicts, settling)
		w.pairs[a], w.contacts[a] = after.Pairs, after.Contact
		if !before.Contact.Refused && after.Contact.Refused {
			w.changed += fmt.Sprintf("refused %s\n", a)
		}
		for _, key := range changed {
			w.changed += fmt.Sprintf("%s %s%s\n", key, a, printPair(after.Pairs[key]))
		}
	}
	w.changed = cmp.Or(w.changed, "nothing\n")
}

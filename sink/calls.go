package sink

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// Work is what is to be done for one address, after its state has been read.
type Work struct {
	Address mapper.Address
	Shown   Shown
	Adds    []mapper.Op
	Removes []mapper.Op
	Fields  mapper.Fields
	// Tell says that the fields are to be told: the contact is new, or the
	// database changed them.
	Tell bool
	// Busy: a call about the address is on its way; only removals for an
	// opt-out overtake it.
	Busy bool
	Run  int64 // that queued the address, 0 for the stream
	// Exact are the lists from which everybody not wanted is to go.
	Exact map[mapper.ListKey]bool
}

// PlanCalls turns work into calls: removals for opt-outs first, then other
// removals, then imports, then additions of contacts that exist. Every call
// keeps the vendor's limits. The calls come in the order in which they are to
// be sent.
//
// A contact that exists and needs no fields is added by its id, because an
// import row counts against the five that an address may have in 24 hours.
func PlanCalls(work []Work, lists map[mapper.ListKey]BoundList) []Call {
	p := planner{lists: lists}
	p.removals(work, true)
	p.removals(work, false)
	p.imports(work)
	p.additions(work)
	return p.calls
}

type planner struct {
	lists map[mapper.ListKey]BoundList
	calls []Call
}

// share is the part of one address in a call: some lists, all for one purpose.
type share struct {
	work *Work
	ops  []mapper.Op
}

func (s share) set() string {
	keys := make([]string, len(s.ops))
	for i, op := range s.ops {
		keys[i] = string(op.List)
	}
	slices.Sort(keys)
	return strings.Join(keys, "\x00")
}

func (p *planner) removals(work []Work, optOut bool) {
	var shares []share
	for i := range work {
		var ops []mapper.Op
		for _, op := range work[i].Removes {
			if op.OptOut == optOut && work[i].Shown.ID != "" {
				ops = append(ops, op)
			}
		}
		if len(ops) > 0 {
			shares = append(shares, share{&work[i], ops})
		}
	}
	p.memberships(CallRemove, shares, optOut)
}

func (p *planner) additions(work []Work) {
	var shares []share
	for i := range work {
		if !work[i].Tell && len(work[i].Adds) > 0 && work[i].Shown.ID != "" {
			shares = append(shares, share{&work[i], work[i].Adds})
		}
	}
	p.memberships(CallAdd, shares, false)
}

// memberships groups shares by equal sets of lists or by single lists,
// whichever needs fewer calls.
func (p *planner) memberships(kind CallKind, shares []share, optOut bool) {
	bySet := group(shares, share.set)
	var singles []share
	for _, s := range shares {
		for _, op := range s.ops {
			singles = append(singles, share{s.work, []mapper.Op{op}})
		}
	}
	byList := group(singles, share.set)
	best := bySet
	if countCalls(byList) < countCalls(bySet) {
		best = byList
	}
	for _, g := range best {
		for lists := range slices.Chunk(g[0].ops, constantcontact.MaxMembershipLists) {
			for people := range slices.Chunk(g, constantcontact.MaxMembershipIDs) {
				p.membership(kind, keysOf(lists), people, optOut)
			}
		}
	}
}

func countCalls(groups [][]share) int {
	n := 0
	for _, g := range groups {
		lists := (len(g[0].ops) + constantcontact.MaxMembershipLists - 1) / constantcontact.MaxMembershipLists
		n += lists * ((len(g) + constantcontact.MaxMembershipIDs - 1) / constantcontact.MaxMembershipIDs)
	}
	return n
}

func (p *planner) membership(kind CallKind, keys []mapper.ListKey, people []share, optOut bool) {
	c := Call{Kind: kind, ListIDs: p.ids(keys), OptOut: optOut}
	op := "add"
	if kind == CallRemove {
		op = "remove"
	}
	for _, s := range people {
		c.Addresses = append(c.Addresses, s.work.Address)
		c.IDs = append(c.IDs, s.work.Shown.ID)
		for _, o := range s.ops {
			if slices.Contains(keys, o.List) {
				c.Intents = append(c.Intents, Intent{
					List: o.List, Address: s.work.Address, Op: op, Reason: o.Reason, Rep: o.Rep, Again: s.work.Busy,
					Run: s.work.Run, Approved: o.Approved, OptOut: o.OptOut, Exact: op == "remove" && s.work.Exact[o.List],
				})
			}
		}
	}
	p.calls = append(p.calls, c)
}

// imports gives every address one row. Rows are grouped by equal sets of lists
// while that takes no more calls than there are lists; otherwise every address
// goes to the list that takes most of those left, and its other lists wait for
// the next batch, when the contact exists and can be added by its id.
func (p *planner) imports(work []Work) {
	var shares []share
	lists := map[mapper.ListKey]bool{}
	for i := range work {
		w := &work[i]
		if !w.Tell {
			continue
		}
		s := share{w, w.Adds}
		for _, op := range s.ops {
			lists[op.List] = true
		}
		shares = append(shares, s)
	}
	fieldsOnly, adding := []share{}, []share{}
	for _, s := range shares {
		if len(s.ops) == 0 {
			fieldsOnly = append(fieldsOnly, s)
		} else {
			adding = append(adding, s)
		}
	}
	groups := group(adding, share.set)
	if len(groups) > len(lists) {
		groups = cover(adding)
	}
	for _, g := range groups {
		p.importGroup(keysOf(g[0].ops), g)
	}
	p.fieldUpdates(fieldsOnly)
}

// fieldUpdates tells fields by an import over a list that this batch's read
// showed the person on: an import is always also an addition.
func (p *planner) fieldUpdates(shares []share) {
	keyOf := map[string]mapper.ListKey{}
	for key, l := range p.lists {
		keyOf[l.ListID] = key
	}
	var on []share
	for _, s := range shares {
		var ops []mapper.Op
		for _, id := range slices.Sorted(maps.Keys(s.work.Shown.Lists)) {
			// A list that the person is about to leave would take them back.
			key, ours := keyOf[id]
			leaving := slices.ContainsFunc(s.work.Removes, func(op mapper.Op) bool { return op.List == key })
			if ours && !leaving {
				ops = append(ops, mapper.Op{List: key})
			}
		}
		if len(ops) > 0 {
			on = append(on, share{s.work, ops})
		}
	}
	for _, g := range cover(on) {
		p.importGroup(keysOf(g[0].ops), g)
	}
}

// cover assigns every share to one of its lists, taking the list that most of
// the remaining shares have until none remains.
func cover(shares []share) [][]share {
	var groups [][]share
	for len(shares) > 0 {
		counts := map[mapper.ListKey]int{}
		for _, s := range shares {
			for _, op := range s.ops {
				counts[op.List]++
			}
		}
		best := slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b mapper.ListKey) int { return cmp.Compare(counts[a], counts[b]) })
		var taken, left []share
		for _, s := range shares {
			if i := slices.IndexFunc(s.ops, func(op mapper.Op) bool { return op.List == best }); i >= 0 {
				taken = append(taken, share{s.work, s.ops[i : i+1]})
			} else {
				left = append(left, s)
			}
		}
		groups = append(groups, taken)
		shares = left
	}
	return groups
}

func (p *planner) importGroup(keys []mapper.ListKey, people []share) {
	if len(keys) > constantcontact.MaxMembershipLists {
		keys = keys[:constantcontact.MaxMembershipLists]
	}
	var c Call
	size := 0
	flush := func() {
		if len(c.Rows) > 0 {
			p.calls = append(p.calls, c)
		}
		c = Call{Kind: CallImport, ListIDs: p.ids(keys)}
		size = importEnvelope + len(keys)*importListBytes
	}
	flush()
	for _, s := range people {
		row := rowOf(s.work)
		bytes := constantcontact.EncodedRowSize(row) + 1
		if len(c.Rows) == constantcontact.MaxImportRows || size+bytes > constantcontact.MaxImportBytes {
			flush()
		}
		size += bytes
		c.Addresses = append(c.Addresses, s.work.Address)
		c.Rows = append(c.Rows, row)
		fingerprint := s.work.Fields.Fingerprint()
		added := false
		for _, op := range s.work.Adds {
			if slices.Contains(keys, op.List) {
				added = true
				c.Intents = append(c.Intents, Intent{List: op.List, Address: s.work.Address, Op: "add", Rep: s.work.Fields.Rep, Fields: fingerprint, Run: s.work.Run, Approved: op.Approved})
			}
		}
		if !added {
			c.Intents = append(c.Intents, Intent{Address: s.work.Address, Op: OpFields, Rep: s.work.Fields.Rep, Fields: fingerprint, Run: s.work.Run})
		}
	}
	flush()
}

// What an import's JSON has besides its rows, generously.
const (
	importEnvelope  = 200
	importListBytes = 48
)

func rowOf(w *Work) constantcontact.ImportRow {
	return constantcontact.ImportRow{
		Email:     string(w.Address),
		FirstName: w.Fields.FirstName, LastName: w.Fields.LastName,
		CompanyName: w.Fields.Company, JobTitle: w.Fields.JobTitle,
	}
}

func (p *planner) ids(keys []mapper.ListKey) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = p.lists[k].ListID
	}
	return out
}

func keysOf(ops []mapper.Op) []mapper.ListKey {
	out := make([]mapper.ListKey, len(ops))
	for i, op := range ops {
		out[i] = op.List
	}
	return out
}

// group puts shares with the same key together, in order of first appearance.
func group(shares []share, key func(share) string) [][]share {
	at := map[string]int{}
	var groups [][]share
	for _, s := range shares {
		k := key(s)
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], s)
	}
	return groups
}

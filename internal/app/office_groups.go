package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"rollcall/internal/console"
	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/internal/tally"
	"rollcall/mapper"
	"rollcall/sink"
)

// Lists reads all lists of an association; see console.Office.
func (o *office) Lists(ctx context.Context, association string) (console.Lists, error) {
	v, err := o.View(association)
	if err != nil {
		return console.Lists{}, err
	}
	s, err := v.shelf(ctx)
	if err != nil {
		return console.Lists{}, err
	}
	out := console.Lists{Options: s.in.Options}
	if out.CanTick, err = o.source.CanSet(ctx); err != nil {
		return out, err
	}
	if !s.counted.At.IsZero() {
		out.CountedAt = &s.counted.At
	}
	for _, g := range s.in.Groups {
		l := s.line(mapper.GroupKey(g.ID), cmp.Or(strings.TrimSpace(g.Name), "Group "+string(g.ID)))
		l.Kind, l.Group, l.Ticked = mapper.ListGroup, g.ID, g.Sync
		l.Enabled = g.Sync && s.in.Options.SyncGroups && s.on()
		s.judge(&l)
		out.Groups = append(out.Groups, l)
	}
	slices.SortFunc(out.Groups, func(a, b console.ListLine) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Key, b.Key))
	})
	for _, key := range s.others() {
		name, isType := strings.CutPrefix(string(key), string(mapper.TypeKey("")))
		l := s.line(key, name)
		l.Kind, l.Ticked = mapper.ListType, s.in.Options.SyncMembershipTypes
		if !isType {
			l.Kind, l.Ticked, l.Name = mapper.ListAllActive, s.in.Options.SyncAllActive, cmp.Or(s.in.Policy.AllActiveName, mapper.DefaultAllActiveName)
		}
		l.Enabled = l.Ticked && s.on()
		s.judge(&l)
		out.Others = append(out.Others, l)
	}
	return out, nil
}

// shelf is what is known of all lists of an association, without its people.
type shelf struct {
	in      mapper.Input
	wanted  map[mapper.ListKey]mapper.List
	bound   map[mapper.ListKey]sink.BoundList
	counts  map[mapper.ListKey]*console.Counts
	counted store.Counted
	changed map[mapper.ListKey]time.Time
	held    map[mapper.ListKey]bool // a question about it waits
	open    map[string]bool         // ids of lists that Constant Contact works on
}

// shelf reads what is known of the lists. It takes as long as there are lists.
func (v *View) shelf(ctx context.Context) (*shelf, error) {
	s := &shelf{
		wanted: map[mapper.ListKey]mapper.List{}, bound: map[mapper.ListKey]sink.BoundList{}, counts: map[mapper.ListKey]*console.Counts{},
	}
	in, bound, err := v.planner.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := v.Store.StandingCounts(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, b := range bound {
		s.bound[b.Key] = b
	}
	for _, c := range counts {
		s.count(c)
		if name, isType := strings.CutPrefix(string(c.List), string(mapper.TypeKey(""))); isType {
			if _, known := s.bound[c.List]; !known {
				in.Types = append(in.Types, mapper.MembershipType{Name: name})
			}
		}
	}
	known, err := v.connectionState(ctx)
	if err != nil {
		return nil, err
	}
	in.Connected = known.State == "connected"
	s.in = in
	for _, l := range mapper.Plan(in).Lists {
		s.wanted[l.Key] = l
	}
	if s.counted, err = v.Store.LastCount(ctx); err != nil {
		return nil, err
	}
	if s.changed, err = v.Store.ListsChanged(ctx); err != nil {
		return nil, err
	}
	if s.held, err = v.Store.HeldLists(ctx); err != nil {
		return nil, err
	}
	s.open, err = v.Store.OpenLists(ctx)
	return s, err
}

// on reports whether anything at all is synced for the association.
func (s *shelf) on() bool { return mapper.IsConstantContact(s.in.Options.NewsletterSolution) }

func (s *shelf) count(c store.StandingCount) {
	n := s.counts[c.List]
	if n == nil {
		n = &console.Counts{}
		s.counts[c.List] = n
	}
	switch c.What {
	case tally.InDatabase:
		n.InDatabase = c.N
	case tally.Expected:
		n.Expected = c.N
	case tally.ExpectedOn:
		n.ExpectedOn = c.N
	case tally.OnList:
		n.OnList = c.N
	case tally.Foreign:
		n.Foreign = c.N
	case tally.LeftBehind:
		n.LeftBehind = c.N
	case tally.Pending:
		n.Pending = c.N
	case tally.Held:
		n.HeldBack += c.N
		n.Held = append(n.Held, console.ReasonCount{Reason: c.Reason, N: c.N})
		slices.SortFunc(n.Held, func(a, b console.ReasonCount) int {
			return cmp.Or(a.Reason.Compare(b.Reason), cmp.Compare(a.Reason, b.Reason))
		})
	}
}

// others are the all-active list and those of types, in their order.
func (s *shelf) others() []mapper.ListKey {
	keys := []mapper.ListKey{}
	for _, t := range s.in.Types {
		keys = append(keys, mapper.TypeKey(t.Name))
	}
	slices.Sort(keys)
	return append([]mapper.ListKey{mapper.AllActiveKey}, slices.Compact(keys)...)
}

func (s *shelf) line(key mapper.ListKey, name string) console.ListLine {
	l := console.ListLine{Key: key, Name: name, ListName: s.bound[key].Name}
	if n := s.counts[key]; n != nil {
		l.Counts = *n
	}
	if at, ok := s.changed[key]; ok {
		l.ChangedAt = &at
	}
	return l
}

// notices are what is to be said of a list's name.
func (s *shelf) notices(l *console.ListLine) {
	called := cmp.Or(l.ListName, s.wanted[l.Key].Name)
	switch {
	case s.wanted[l.Key].Cut:
		l.Notices = append(l.Notices, "The name is longer than the 255 characters that Constant Contact takes, and is cut there.")
	case called == "" || strings.EqualFold(strings.TrimSpace(called), strings.TrimSpace(l.Name)):
	case strings.HasPrefix(called, l.Name+" ("):
		l.Notices = append(l.Notices, "Another list has this name, so that it is called "+called+" in Constant Contact.")
	default:
		l.Notices = append(l.Notices, "In Constant Contact it is called "+called+".")
	}
}

// judge says how a list is.
func (s *shelf) judge(l *console.ListLine) {
	s.notices(l)
	bound := s.bound[l.Key]
	reason := func(state console.ListState, r mapper.Reason) { l.State, l.Why = state, r.Text() }
	switch {
	case !l.Enabled && !s.on():
		reason(console.ListOff, mapper.ReasonOtherNewsletter)
	case !l.Ticked && l.Kind == mapper.ListGroup:
		reason(console.ListOff, mapper.ReasonGroupNotSynced)
	case !l.Enabled:
		reason(console.ListOff, mapper.ReasonOptionOff)
	case bound.State == mapper.ListMissing:
		reason(console.ListMissing, mapper.ReasonListMissing)
	case bound.State == mapper.ListAmbiguous:
		reason(console.ListAttention, mapper.ReasonListAmbiguous)
	case bound.State == mapper.ListNoRoom:
		reason(console.ListAttention, mapper.ReasonAccountListLimit)
	case bound.State == mapper.ListOff:
		l.State, l.Why = console.ListOff, "An operator switched this list off."
	case bound.State == mapper.ListRetired:
		reason(console.ListRetired, mapper.ReasonListRetired)
	case !s.in.Connected:
		reason(console.ListAttention, mapper.ReasonNotConnected)
	case s.held[l.Key]:
		l.State, l.Why = console.ListHeld, "Changes of this list wait for an answer on the page Approvals."
	case bound.State != mapper.ListBound:
		l.State, l.Why = console.ListNew, "It has no list in Constant Contact yet."
	case bound.Existed && !bound.Looked:
		reason(console.ListSyncing, mapper.ReasonWaitingConsentRead)
	case l.Counts.Pending > 0 || s.open[bound.ListID]:
		l.State, l.Why = console.ListSyncing, "Constant Contact is still working, or is about to be told."
	case l.Counts.ExpectedOn < l.Counts.Expected:
		l.State, l.Why = console.ListSyncing, "Not everybody who is expected is on the list by the last count."
	default:
		l.State = console.ListInSync
	}
}

// ListPeople reads people behind a number; see console.Office.
func (o *office) ListPeople(ctx context.Context, association string, list mapper.ListKey, what string, reason mapper.Reason, after string, limit int) ([]console.PersonLine, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	found, err := v.Store.Standings(ctx, list, what, reason, after, limit)
	if err != nil {
		return nil, err
	}
	return v.lines(ctx, found)
}

// lines gives people their names: those of the rep whose row decided, or of one
// who has the address.
func (v *View) lines(ctx context.Context, found []store.Standing) ([]console.PersonLine, error) {
	lines := make([]console.PersonLine, len(found))
	var reps []mapper.RepID
	for i, s := range found {
		address, rep := s.Person()
		lines[i] = console.PersonLine{Who: s.Who, Address: address, Rep: rep, Class: s.Class, Reason: s.Reason, OnList: s.OnList, Op: s.Op}
		if rep != "" {
			reps = append(reps, rep)
		}
	}
	return lines, v.name(ctx, lines, reps)
}

// name looks the reps up, a page of them.
func (v *View) name(ctx context.Context, lines []console.PersonLine, reps []mapper.RepID) error {
	if len(reps) == 0 {
		return nil
	}
	found, err := v.reps(ctx, reps)
	if err != nil {
		return err
	}
	byID := make(map[mapper.RepID]*mapper.Rep, len(found))
	for _, r := range found {
		byID[r.ID] = r
	}
	for i := range lines {
		if r := byID[lines[i].Rep]; r != nil {
			lines[i].FirstName, lines[i].LastName, lines[i].Company = r.FirstName, r.LastName, r.Company
		}
	}
	return nil
}

// previewNames is how many people a preview of a tick names.
const previewNames = 100

// PreviewTicks plans the people of groups as if they were ticked; see
// console.Office.
func (o *office) PreviewTicks(ctx context.Context, association string, groups []mapper.GroupID) ([]console.TickPreview, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	in, bound, err := v.planner.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	previews := make([]console.TickPreview, 0, len(groups))
	for _, id := range groups {
		group, err := findGroup(in.Groups, string(id))
		if err != nil {
			return nil, err
		}
		p, err := v.previewTick(ctx, group)
		if err != nil {
			return nil, err
		}
		p.Exists = slices.ContainsFunc(bound, func(b sink.BoundList) bool { return b.Key == mapper.GroupKey(id) })
		previews = append(previews, p)
	}
	return previews, nil
}

func (v *View) previewTick(ctx context.Context, group mapper.Group) (console.TickPreview, error) {
	key := mapper.GroupKey(group.ID)
	p := console.TickPreview{Group: group.ID, Name: strings.TrimSpace(group.Name)}
	addresses, err := v.groupAddresses(ctx, group.ID)
	if err != nil {
		return p, err
	}
	held := tally.New()
	piece := func(in mapper.Input) error {
		if _, rows := held.Add(in, mapper.Output{}, mapper.Plan(ungated(in))); len(rows) > 0 {
			var adds []store.Standing
			for _, s := range rows {
				if s.List != key || s.Class != tally.Expected || s.OnList {
					continue
				}
				p.AddsN++
				if p.AddsN <= previewNames {
					adds = append(adds, s)
				}
			}
			lines, err := v.lines(ctx, adds)
			p.Adds = append(p.Adds, lines...)
			return err
		}
		return nil
	}
	for chunk := range slices.Chunk(addresses, pieceSize) {
		in, _, err := v.plan(ctx, chunk, nil)
		if err != nil {
			return p, err
		}
		if err := piece(in); err != nil {
			return p, err
		}
	}
	unusable, err := v.groupUnusable(ctx, group.ID)
	if err != nil {
		return p, err
	}
	for chunk := range slices.Chunk(unusable, pieceSize) {
		in, err := v.unusableReps(ctx, chunk)
		if err != nil {
			return p, err
		}
		if err := piece(in); err != nil {
			return p, err
		}
	}
	for _, c := range held.Counts() {
		if c.List == key && c.What == tally.Held {
			p.Held = append(p.Held, console.ReasonCount{Reason: c.Reason, N: c.N})
		}
	}
	return p, nil
}

// SetTicks ticks and unticks groups in the member database; see console.Office.
func (o *office) SetTicks(ctx context.Context, association string, tick, untick []mapper.GroupID, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	if err := setProblem(o.source.SetTicks(ctx, association, tick, untick)); err != nil {
		return err
	}
	act := store.Act{What: store.ActTick, Detail: fmt.Sprintf("ticked: %d, unticked: %d", len(tick), len(untick))}
	for _, id := range slices.Concat(tick, untick) {
		act.Subjects = append(act.Subjects, "group:"+string(id))
	}
	return v.Store.Record(ctx, by, act)
}

// PreviewSync says what syncing a group now would do; see console.Office.
func (o *office) PreviewSync(ctx context.Context, association string, group mapper.GroupID) (*report.Preview, error) {
	v, err := o.View(association)
	if err != nil {
		return nil, err
	}
	p, err := v.PreviewSync(ctx, string(group))
	if err != nil {
		return nil, problemOf(err)
	}
	shown := p.Report(association)
	return shown, v.nameRemovals(ctx, shown.Removals)
}

// nameRemovals gives names to those who do not have the address any more.
func (v *View) nameRemovals(ctx context.Context, removals []report.PersonPlan) error {
	lines := make([]console.PersonLine, len(removals))
	var reps []mapper.RepID
	for i, r := range removals {
		if r.Rep != "" && r.FirstName+r.LastName == "" {
			lines[i].Rep = r.Rep
			reps = append(reps, r.Rep)
		}
	}
	if err := v.name(ctx, lines, reps); err != nil {
		return err
	}
	for i, l := range lines {
		if l.Rep != "" {
			removals[i].FirstName, removals[i].LastName = l.FirstName, l.LastName
		}
	}
	return nil
}

// ApproveSync asks for a group's sync with the removals that were shown; see
// console.Office.
func (o *office) ApproveSync(ctx context.Context, association string, shown *report.Preview, by string) (int64, error) {
	v, err := o.View(association)
	if err != nil {
		return 0, err
	}
	p := SyncPreview{Group: shown.Group, List: shown.List, Name: shown.Name}
	for _, r := range shown.Removals {
		p.Removals = append(p.Removals, Removal{Address: r.Address, Reason: r.Reason, Rep: r.Rep})
	}
	return v.ApproveSync(ctx, p, by)
}

// Export writes a list's people as the command does; see console.Office.
func (o *office) Export(ctx context.Context, association string, list mapper.ListKey, by string, people, leftOut io.Writer) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	if err := v.Store.Record(ctx, by, store.Act{What: store.ActExport, Subjects: []string{"list:" + string(list)}}); err != nil {
		return err
	}
	e, err := report.NewExport(people, leftOut, v.Policy())
	if err != nil {
		return err
	}
	if err := v.Export(ctx, string(list), e); err != nil {
		return err
	}
	return e.Close()
}

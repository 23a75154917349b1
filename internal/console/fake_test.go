package console

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/internal/tally"
	"rollcall/mapper"
)

// fakeOffice has what a test puts into it, and writes down what it was asked.
type fakeOffice struct {
	associations []Association
	err          error
	asked        []string // the methods that were called, with the association
	by           string   // who did the last thing that changes something

	health       Health
	samples      []Point
	lists        Lists
	people       []PersonLine
	slow         bool
	preview      *report.Preview
	ticks        []TickPreview
	tick, untick []mapper.GroupID
	approved     *report.Preview
	progress     Progress
	explanations []*report.Explanation
	questions    []*report.Approval
	asking       []AskedPerson
	answers      []string
	choices      Choices
	badChoices   error
	chosen       *mapper.Options
	runs         []*report.Run
	calls        []CallLine
	runPeople    []RunPerson
	reasons      []ReasonCount
	counted      *time.Time
	account      Account
	attempt      *fakeAttempt
	listAnswers  ListAnswers
	leftover     *report.Leftover
	removed      *report.Leftover
	acts         []Act
}

func (f *fakeOffice) ask(what, association string) error {
	f.asked = append(f.asked, what+" "+association)
	return f.err
}

func (f *fakeOffice) Associations(context.Context) ([]Association, error) {
	return f.associations, f.err
}

func (f *fakeOffice) Zone(context.Context, string) (*time.Location, error) {
	return time.LoadLocation("America/Chicago")
}

func (f *fakeOffice) Health(_ context.Context, a string) (Health, error) {
	return f.health, f.ask("Health", a)
}

func (f *fakeOffice) Samples(_ context.Context, a, _ string, _ time.Time) ([]Point, error) {
	return f.samples, f.ask("Samples", a)
}

func (f *fakeOffice) Lists(_ context.Context, a string) (Lists, error) {
	return f.lists, f.ask("Lists", a)
}

func (f *fakeOffice) ListPeople(_ context.Context, a string, _ mapper.ListKey, _ string, _ mapper.Reason, after string, limit int) ([]PersonLine, error) {
	return f.page(after, limit), f.ask("ListPeople", a)
}

// page are at most limit people behind one.
func (f *fakeOffice) page(after string, limit int) []PersonLine {
	i := slices.IndexFunc(f.people, func(p PersonLine) bool { return p.Who > after })
	if i < 0 {
		return nil
	}
	return slices.Clone(f.people[i:min(i+limit, len(f.people))])
}

func (f *fakeOffice) PreviewTicks(_ context.Context, a string, _ []mapper.GroupID) ([]TickPreview, error) {
	return f.ticks, f.ask("PreviewTicks", a)
}

func (f *fakeOffice) SetTicks(_ context.Context, a string, tick, untick []mapper.GroupID, by string) error {
	f.tick, f.untick, f.by = tick, untick, by
	return f.ask("SetTicks", a)
}

func (f *fakeOffice) PreviewSync(_ context.Context, a string, _ mapper.GroupID) (*report.Preview, error) {
	return f.preview, f.ask("PreviewSync", a)
}

func (f *fakeOffice) ApproveSync(_ context.Context, a string, p *report.Preview, by string) (int64, error) {
	f.approved, f.by = p, by
	return 7, f.ask("ApproveSync", a)
}

func (f *fakeOffice) Export(_ context.Context, a string, _ mapper.ListKey, by string, people, leftOut io.Writer) error {
	f.by = by
	if err := f.ask("Export", a); err != nil {
		return err
	}
	_, err := io.WriteString(people, "email\nann@example.org\n")
	if err == nil && leftOut != nil {
		_, err = io.WriteString(leftOut, "email\nbob@example.org\n")
	}
	return err
}

func (f *fakeOffice) ListAnswers(_ context.Context, a string, _ mapper.ListKey) (ListAnswers, error) {
	return f.listAnswers, f.ask("ListAnswers", a)
}

func (f *fakeOffice) RecreateList(_ context.Context, a string, _ mapper.ListKey, by string) error {
	f.by = by
	return f.ask("RecreateList", a)
}

func (f *fakeOffice) SwitchOffList(_ context.Context, a string, _ mapper.ListKey, by string) error {
	f.by = by
	return f.ask("SwitchOffList", a)
}

func (f *fakeOffice) BindList(_ context.Context, a string, _ mapper.ListKey, to, by string) (int64, error) {
	f.by = by
	return 12, f.ask("BindList "+to, a)
}

func (f *fakeOffice) SetForeign(_ context.Context, a string, _ mapper.ListKey, keep bool, by string) error {
	f.by = by
	return f.ask(fmt.Sprintf("SetForeign %v", keep), a)
}

func (f *fakeOffice) Leftover(_ context.Context, a string, _ mapper.ListKey) (*report.Leftover, error) {
	return f.leftover, f.ask("Leftover", a)
}

func (f *fakeOffice) RemoveLeftover(_ context.Context, a string, _ mapper.ListKey, l *report.Leftover, by string) error {
	f.removed, f.by = l, by
	return f.ask("RemoveLeftover", a)
}

func (f *fakeOffice) Audit(_ context.Context, a string, before int64, limit int) ([]Act, error) {
	var acts []Act
	for _, act := range f.acts {
		if (before == 0 || act.ID < before) && len(acts) < limit {
			acts = append(acts, act)
		}
	}
	return acts, f.ask("Audit", a)
}

func (f *fakeOffice) Progress(_ context.Context, a string, _ int64) (Progress, error) {
	return f.progress, f.ask("Progress", a)
}

func (f *fakeOffice) Find(_ context.Context, a, _ string) ([]PersonLine, bool, error) {
	return f.people, f.slow, f.ask("Find", a)
}

func (f *fakeOffice) ExplainAddress(_ context.Context, a string, address mapper.Address) (*report.Explanation, error) {
	if err := f.ask("ExplainAddress", a); err != nil {
		return nil, err
	}
	for _, x := range f.explanations {
		if x.Address == address {
			return x, nil
		}
	}
	return nil, errNoPage
}

func (f *fakeOffice) ExplainRep(_ context.Context, a string, _ mapper.RepID) ([]*report.Explanation, error) {
	if err := f.ask("ExplainRep", a); err != nil || len(f.explanations) == 0 {
		return nil, cmp.Or(err, error(errNoPage))
	}
	return f.explanations, nil
}

func (f *fakeOffice) Look(_ context.Context, a string, _ mapper.Address, by string) (int64, error) {
	f.by = by
	return 8, f.ask("Look", a)
}

func (f *fakeOffice) Retry(_ context.Context, a string, _ mapper.Address, by string) (int64, error) {
	f.by = by
	return 9, f.ask("Retry", a)
}

func (f *fakeOffice) AllowBack(_ context.Context, a string, _ mapper.Address, list mapper.ListKey, by string) (int64, error) {
	f.by = by
	return 10, f.ask("AllowBack "+string(list), a)
}

func (f *fakeOffice) MayAllowBack(r mapper.Reason) bool { return r == mapper.ReasonLeftList }

func (f *fakeOffice) Questions(_ context.Context, a string, _ bool) ([]*report.Approval, error) {
	return f.questions, f.ask("Questions", a)
}

func (f *fakeOffice) Question(_ context.Context, a string, id int64) (*report.Approval, error) {
	if err := f.ask("Question", a); err != nil {
		return nil, err
	}
	for _, q := range f.questions {
		if q.ID == id {
			return q, nil
		}
	}
	return nil, errNoPage
}

func (f *fakeOffice) QuestionPeople(_ context.Context, a string, _ int64, after string, limit int) ([]AskedPerson, error) {
	i := slices.IndexFunc(f.asking, func(p AskedPerson) bool { return p.Place > after })
	if i < 0 {
		return nil, f.ask("QuestionPeople", a)
	}
	return slices.Clone(f.asking[i:min(i+limit, len(f.asking))]), f.ask("QuestionPeople", a)
}

func (f *fakeOffice) Answer(_ context.Context, a string, id int64, approve bool, most int, by string) error {
	f.answers, f.by = append(f.answers, answerText(id, approve, most)), by
	return f.ask("Answer", a)
}

func (f *fakeOffice) Choices(_ context.Context, a string) (Choices, error) {
	return f.choices, f.ask("Choices", a)
}

func (f *fakeOffice) CheckChoices(mapper.Options) error { return f.badChoices }

func (f *fakeOffice) SetChoices(_ context.Context, a string, o mapper.Options, by string) error {
	f.chosen, f.by = &o, by
	return f.ask("SetChoices", a)
}

func (f *fakeOffice) Runs(_ context.Context, a string, before int64, limit int) ([]*report.Run, error) {
	var runs []*report.Run
	for _, r := range f.runs {
		if (before == 0 || r.ID < before) && len(runs) < limit {
			runs = append(runs, r)
		}
	}
	return runs, f.ask("Runs", a)
}

func (f *fakeOffice) Run(_ context.Context, a string, id int64) (*report.Run, []CallLine, error) {
	if err := f.ask("Run", a); err != nil {
		return nil, nil, err
	}
	for _, r := range f.runs {
		if r.ID == id {
			return r, f.calls, nil
		}
	}
	return nil, nil, errNoPage
}

func (f *fakeOffice) ListNames(_ context.Context, a string) (map[mapper.ListKey]string, error) {
	return map[mapper.ListKey]string{"group:12": "Board"}, f.ask("ListNames", a)
}

func (f *fakeOffice) Calls(_ context.Context, a string, _ int) ([]CallLine, error) {
	return f.calls, f.ask("Calls", a)
}

func (f *fakeOffice) RunPeople(_ context.Context, a string, _ int64, _ string, each func(RunPerson) error) error {
	for _, p := range f.runPeople {
		if err := each(p); err != nil {
			return err
		}
	}
	return f.ask("RunPeople", a)
}

func (f *fakeOffice) Reconcile(_ context.Context, a, by string) (int64, error) {
	f.by = by
	return 11, f.ask("Reconcile", a)
}

func (f *fakeOffice) Reasons(_ context.Context, a string) ([]ReasonCount, *time.Time, error) {
	return f.reasons, f.counted, f.ask("Reasons", a)
}

func (f *fakeOffice) HeldFor(_ context.Context, a string, _ mapper.Reason, after string, limit int) ([]PersonLine, error) {
	return f.page(after, limit), f.ask("HeldFor", a)
}

func (f *fakeOffice) Account(_ context.Context, a string) (Account, error) {
	return f.account, f.ask("Account", a)
}

func (f *fakeOffice) BeginConnect(_ context.Context, a string) (ConnectAttempt, error) {
	f.attempt = &fakeAttempt{}
	return f.attempt, f.ask("BeginConnect", a)
}

func (f *fakeOffice) Disconnect(_ context.Context, a, by string) error {
	f.by = by
	return f.ask("Disconnect", a)
}

// fakeAttempt is an account that is being connected.
type fakeAttempt struct {
	closed, finished bool
	by, agreedBy     string
	adopt            string
	err              error
}

func (*fakeAttempt) Address() string { return "/authorize-there?state=fake-state" }
func (*fakeAttempt) State() string   { return "fake-state" }

func (*fakeAttempt) Code(v url.Values) (string, error) {
	if v.Get("error") != "" {
		return "", errNoPage
	}
	return v.Get("code"), nil
}

func (a *fakeAttempt) Finish(_ context.Context, _, by, agreedBy, adopt string) (string, error) {
	a.finished, a.by, a.agreedBy, a.adopt = true, by, agreedBy, adopt
	return "Harbour", a.err
}

func (a *fakeAttempt) Close() { a.closed = true }

// full is an office in which every page shows most.
func (f *fakeOffice) full() {
	since, soon := noon.Add(-time.Hour), noon.Add(5*time.Hour)
	counts := Counts{
		InDatabase: 1200, Expected: 1000, ExpectedOn: 990, HeldBack: 200, OnList: 1003, Foreign: 2, LeftBehind: 1, Pending: 11,
		Held: []ReasonCount{{mapper.ReasonOptedOut, 150}, {mapper.ReasonInvalidEmail, 50}},
	}
	f.health = Health{
		Slot: "rollcall", RetainedBytes: 3 << 30, SafeBytes: 1 << 30, Touched: 3, TouchedSince: &since, Queued: 4, QueuedSince: &since,
		Calls: 9_999, Limit: 10_000, ClosedUntil: &soon, Alarms: []string{"empty: rollcall.reps"},
	}
	for i := range 50 {
		f.samples = append(f.samples, Point{At: noon.Add(time.Duration(i-60) * 10 * time.Minute), Value: float64(i * i)})
	}
	group := ListLine{
		Key: "group:12", Kind: mapper.ListGroup, Group: "12", Name: "Board", ListName: "Board", Ticked: true, Enabled: true, State: ListHeld,
		Why: "Changes wait.", Counts: counts, ChangedAt: &since, Notices: []string{"The name is cut."},
	}
	f.lists = Lists{
		Options: mapper.Options{SyncGroups: true, NewsletterSolution: "ConstantContact"}, CanTick: true, CountedAt: &since,
		Groups: []ListLine{group, {Key: "group:13", Kind: mapper.ListGroup, Group: "13", Name: "Gala <b>2026</b>", State: ListOff}},
		Others: []ListLine{{Key: mapper.AllActiveKey, Kind: mapper.ListAllActive, Name: "Everybody", Ticked: true, Enabled: true, State: ListInSync, Counts: counts}},
	}
	f.people = []PersonLine{
		{Who: "ann@example.org", Address: "ann@example.org", Rep: "1", FirstName: "Ann", LastName: "Example", Company: "Example", Class: tally.Held, Reason: mapper.ReasonOptedOut},
		{Who: "rep:2", Rep: "2", Class: tally.Held, Reason: mapper.ReasonNoEmail},
	}
	f.preview = &report.Preview{
		Group: "12", List: "group:12", Name: "Board", On: 9, Adds: 2, OptedOut: 1, Adoption: 3,
		Removals: []report.PersonPlan{{Address: "bob@example.org", Op: "remove", Reason: mapper.ReasonNotInGroup, Rep: "3", FirstName: "Bob", LastName: "Example"}},
	}
	f.ticks = []TickPreview{{Group: "13", Name: "Gala", Adds: f.people[:1], AddsN: 140, Held: counts.Held}}
	f.calls = []CallLine{
		{ID: 5, Kind: "import", Lists: []string{"Board", "Gala"}, People: 40, State: "sent", Activity: "act-1", At: since},
		{ID: 4, Kind: "remove", Lists: []string{"Board"}, People: 1, State: "ended", Outcome: "completed", Activity: "act-0", At: since, EndedAt: &since},
		{ID: 3, Kind: "add", People: 1, State: "rejected", Outcome: "too many", At: since},
	}
	run := report.NewRun("1", store.Run{ID: 21, Kind: store.RunSyncNow, Lists: []mapper.ListKey{"group:12"}, AskedBy: "ann", State: store.RunDone, StartedAt: since, EndedAt: &noon, Found: map[string]int{"foreign": 2}},
		[]store.RunCount{{What: "added", N: 2}, {What: "refused", Reason: mapper.ReasonRefused, N: 1}}, noon)
	failed := report.NewRun("1", store.Run{ID: 20, Kind: store.RunNightly, State: store.RunFailed, Detail: "interrupted", StartedAt: since}, nil, noon)
	f.runs = []*report.Run{run, failed}
	f.progress = Progress{State: "running", Run: run, Calls: f.calls, Left: 12}
	f.explanations = []*report.Explanation{{
		Address: "ann@example.org", Before: []mapper.Address{"old@example.org"}, OptedOut: true, Fields: true,
		Holders: []report.Holder{{Rep: "1", Now: true, FirstName: "Ann", LastName: "Example", Company: "Example", Active: true, MemberStatus: "active", Types: []string{"Gold", "Retail"}, OptedOut: true}, {Gone: true}},
		Contact: report.ContactShown{State: mapper.ContactActive, Text: "may be mailed", ReadAt: &since, Refused: true},
		Lists: []report.ListShown{
			{List: "group:12", Name: "Board", Database: "belongs on it", Shown: "left the list", ShownAt: &since, Verdict: mapper.On, Does: "is not added", Reason: mapper.ReasonLeftList, Text: "The person left this list.", Change: "An operator allows the address back."},
		},
		Questions: []report.QuestionShown{{Approval: 31, List: "group:12", Op: "remove", Kind: mapper.HoldRemovals, State: "waiting", AskedAt: since, ExpiresAt: &soon}},
		History:   []report.EventShown{{Call: 4, At: since, Kind: "remove", State: "ended", Outcome: "completed", List: "group:12", Op: "remove", Reason: mapper.ReasonOptedOut}},
	}, {Email: "two@example.org, addresses@example.org", Problem: mapper.ReasonInvalidEmail, ProblemText: "Not one address.", Hint: "Two addresses."}}
	row := store.ApprovalRow{ID: 31, Association: "1", List: "group:12", ListName: "Board", Kind: mapper.HoldRemovals, State: "waiting", Detail: "30 of 60.", AskedAt: since, ExpiresAt: &soon, Pairs: 30, Open: 28}
	adopted := store.ApprovalRow{ID: 32, Association: "1", List: "group:12", ListName: "Board", Kind: mapper.HoldForeign, State: "waiting", AskedAt: since, Pairs: 2, Open: 2}
	answered := store.ApprovalRow{ID: 30, Association: "1", Kind: mapper.HoldSource, State: "rejected", AskedAt: since, DecidedAt: &since, DecidedBy: "bob", Pairs: 1}
	f.questions = []*report.Approval{report.NewApproval(row, nil), report.NewApproval(adopted, nil), report.NewApproval(answered, nil)}
	f.asking = []AskedPerson{{PersonLine: PersonLine{Address: "bob@example.org", Rep: "3", FirstName: "Bob", Op: "remove", Reason: mapper.ReasonNotInGroup}, Place: "a", ListName: "Board", Ended: "done"}}
	f.choices = Choices{Options: mapper.Options{NewsletterSolution: "ConstantContact", SyncGroups: true}, CanSet: true, NextRun: &soon, Window: [2]string{"01:00", "04:00"}, Zone: "America/Chicago", Finding: "The window cannot be read."}
	f.runPeople = []RunPerson{{Call: 4, Address: "=cmd@example.org", List: "group:12", Op: "remove", Reason: mapper.ReasonOptedOut, Rep: "1", State: "ended", Outcome: "completed"}}
	f.reasons, f.counted = counts.Held, &since
	f.listAnswers = ListAnswers{Recreate: true, SwitchOff: true, Bind: true, Foreign: true, Existed: true, Leftover: true}
	f.leftover = &report.Leftover{People: f.preview.Removals, Adoption: 2}
	for id := int64(60); id > 0; id-- {
		f.acts = append(f.acts, Act{ID: id, At: since, Who: "ann", What: "sync_now", Subjects: []string{"group:12"}, Detail: "asked for"})
	}
	f.account = Account{State: "connected", Name: "Harbour", ID: "abc", APIKey: "main", RedirectURL: "http://localhost:8410/callback", Since: &since, ConnectedBy: "ann", AgreedAt: &since, AgreedBy: "ann", DatabaseRead: true}
}

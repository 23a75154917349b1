package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/mapper"
)

func answerText(id int64, approve bool, most int) string {
	return fmt.Sprintf("%d %v %d", id, approve, most)
}

// leads fails the test unless the answer sends the browser on to a path.
func leads(t *testing.T, answer *httptest.ResponseRecorder, path string) {
	t.Helper()
	if to := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || to != path {
		t.Errorf("status %d, leads to %q, want %q: %.300s", answer.Code, to, path, answer.Body)
	}
}

// hidden is the value of a field of a form on the page.
func hidden(t *testing.T, answer *httptest.ResponseRecorder, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(answer.Body.String())
	if found == nil {
		t.Fatalf("the page has no field %s", name)
	}
	return found[1]
}

func fullWorld(t *testing.T, guard Guard) *world {
	w := newWorld(t, guard)
	w.office.full()
	return w
}

func TestGroupsOpenWithThoseThatAreSet(t *testing.T) {
	w := fullWorld(t, nil)
	set := w.do("/a/1/groups", nil)
	want(t, set, http.StatusOK, "Board", "1,200", "held for review", "Sync now", "Everybody", "The name is cut.")
	if strings.Contains(set.Body.String(), "Gala") {
		t.Error("a group that is not set is shown")
	}
	unset := w.do("/a/1/groups?show=unset", nil)
	want(t, unset, http.StatusOK, "Gala &lt;b&gt;2026&lt;/b&gt;")
	if strings.Contains(unset.Body.String(), `/sync">`) {
		t.Error("a group that is not enabled can be synced")
	}
	want(t, w.do("/a/1/groups?show=all&name=gal", nil), http.StatusOK, "Gala")
	want(t, w.do("/a/1/groups?show=all&name=nothing", nil), http.StatusOK, "No such group")
}

func TestTicksAreShownWithNamesFirst(t *testing.T) {
	w := fullWorld(t, nil)
	ticks := url.Values{"shown": {"12", "13"}, "was": {"12"}, "tick": {"13"}}
	preview := w.do("/a/1/groups/ticks", ticks)
	want(t, preview, http.StatusOK, "140 people", "Ann Example", "ann@example.org", "and 139 more people", "Nothing is saved yet", "1 group would be unticked")
	if w.office.tick != nil {
		t.Error("ticked before the names were seen")
	}
	leads(t, w.do("/a/1/groups/ticks", url.Values{"shown": {"13", "12"}, "was": {"12"}, "tick": {"13"}, "seen": {"yes"}}), "/a/1/groups?said=ticked")
	if !slices.Equal(w.office.tick, []mapper.GroupID{"13"}) || !slices.Equal(w.office.untick, []mapper.GroupID{"12"}) || w.office.by != olive.Name {
		t.Errorf("ticked %v, unticked %v by %s", w.office.tick, w.office.untick, w.office.by)
	}
}

func TestUntickingNeedsNoPreview(t *testing.T) {
	w := fullWorld(t, nil)
	leads(t, w.do("/a/1/groups/ticks", url.Values{"shown": {"12"}, "was": {"12"}}), "/a/1/groups?said=ticked")
	if len(w.office.tick) > 0 || !slices.Equal(w.office.untick, []mapper.GroupID{"12"}) {
		t.Errorf("ticked %v, unticked %v", w.office.tick, w.office.untick)
	}
	w.office.untick = nil
	leads(t, w.do("/a/1/groups/ticks", url.Values{"shown": {"12"}, "was": {"12"}, "tick": {"12"}}), "/a/1/groups?said=nothing")
	if w.office.untick != nil {
		t.Error("something was changed")
	}
}

func TestViewersChangeNothing(t *testing.T) {
	w := fullWorld(t, fakeGuard{User{Name: "vic", Role: Viewer}})
	for _, path := range everyPage {
		answer := w.do(path, nil)
		if strings.HasSuffix(path, "/sync") || strings.HasSuffix(path, "/leftover") {
			want(t, answer, http.StatusForbidden)
			continue
		}
		body := strings.ReplaceAll(answer.Body.String(), `<form method="post" action="/logout">`, "")
		body = strings.ReplaceAll(body, `<form method="post" action="/a/1/people"`, "")
		body = strings.ReplaceAll(body, `<form method="post" action="/a/1/options" class="options">`, "") // shown, disabled
		body = strings.ReplaceAll(body, `<form method="post" action="/a/1/groups/ticks">`, "")            // shown, disabled
		body = strings.ReplaceAll(body, `<form method="post" action="/a/1/adoption">`, "")                // shown, disabled
		if strings.Contains(body, `method="post"`) {
			t.Errorf("%s offers a viewer a button", path)
		}
	}
	want(t, w.do("/a/1/groups", nil), http.StatusOK, `disabled><input type="hidden"`)
	want(t, w.do("/a/1/options", nil), http.StatusOK, "<fieldset disabled>")
}

func TestSyncNowApprovesWhatWasShown(t *testing.T) {
	w := fullWorld(t, nil)
	shown := w.do("/a/1/groups/group:12/sync", nil)
	want(t, shown, http.StatusOK, "Bob Example", "bob@example.org", "take 1 person off", "2 people are</strong> added", "because of an opt-out", "exactly these names")
	form := url.Values{"preview": {hidden(t, shown, "preview")}}
	// What would go is another one by now: approved is what was shown.
	was := w.office.preview
	w.office.preview = nil
	leads(t, w.do("/a/1/groups/group:12/sync", form), "/a/1/requests/7")
	if w.office.approved != was || w.office.by != olive.Name {
		t.Error("something else was approved than shown")
	}
	w.office.approved = nil
	want(t, w.do("/a/1/groups/group:12/sync", form), http.StatusConflict, "used already")
	want(t, w.do("/a/1/groups/group:12/sync", url.Values{}), http.StatusConflict)
	if w.office.approved != nil {
		t.Error("approved twice")
	}
	want(t, w.do("/a/1/groups/all_active/sync", nil), http.StatusNotFound, "Only groups")
}

func TestPreviewsBelongToWhoSawThem(t *testing.T) {
	ann := fakeGuard{User{Name: "ann", Role: Operator}}
	w := fullWorld(t, ann)
	form := url.Values{"preview": {hidden(t, w.do("/a/1/groups/group:12/sync", nil), "preview")}}
	w.Guard = fakeGuard{User{Name: "bob", Role: Operator}}
	w.handler = w.build()
	want(t, w.do("/a/1/groups/group:12/sync", form), http.StatusConflict)
	late := fullWorld(t, ann)
	form = url.Values{"preview": {hidden(t, late.do("/a/1/groups/group:12/sync", nil), "preview")}}
	now := late.Now
	late.Now = func() time.Time { return now().Add(previewLife) }
	want(t, late.do("/a/1/groups/group:12/sync", form), http.StatusConflict, "too old")
}

func TestManyPreviewsTakeNoMemory(t *testing.T) {
	p := previews{all: map[string]shownPreview{}}
	first := p.keep(shownPreview{association: "1", user: "ann"}, noon)
	for i := range 2 * maxPreviews {
		p.keep(shownPreview{association: "1", user: "ann"}, noon.Add(time.Duration(i+1)*time.Second))
	}
	if len(p.all) > maxPreviews {
		t.Errorf("%d previews are kept", len(p.all))
	}
	if _, ok := p.take(first, "1", "ann", noon); ok {
		t.Error("the oldest is kept")
	}
}

func TestProgressIsLoadedAgain(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/requests/7", nil), http.StatusOK, `hx-trigger="every 2s"`, "12 people are", "Constant Contact is still working; its own Activity page shows it too.", "act-1")
	part := w.do("/a/1/requests/7", nil, "HX-Request", "true")
	want(t, part, http.StatusOK, "12 people are")
	if strings.Contains(part.Body.String(), "<html") {
		t.Error("the part is a whole page")
	}
	w.office.progress.State = "done"
	done := w.do("/a/1/requests/7", nil, "HX-Request", "true")
	want(t, done, http.StatusOK, "done", `href="/a/1/activity/21"`)
	if strings.Contains(done.Body.String(), "hx-get") {
		t.Error("what has ended is loaded again")
	}
	w.office.progress = Progress{State: "refused"}
	w.office.progress.Answer.Reason = mapper.ReasonOptionOff
	want(t, w.do("/a/1/requests/7", nil), http.StatusOK, "It was refused.", "switched off")
	want(t, w.do("/a/1/requests/x", nil), http.StatusNotFound)
}

func TestPages(t *testing.T) {
	w := fullWorld(t, nil)
	w.office.people = nil
	for i := range 120 {
		address := fmt.Sprintf("p%03d@example.org", i)
		w.office.people = append(w.office.people, PersonLine{Who: address, Address: mapper.Address(address), Rep: mapper.RepID(fmt.Sprint(i))})
	}
	next := regexp.MustCompile(`href="([^"]*after=[^"]*)"`)
	path, seen := "/a/1/groups/group:12/people/expected", 0
	for path != "" {
		answer := w.do(path, nil)
		want(t, answer, http.StatusOK)
		seen += strings.Count(answer.Body.String(), "@example.org</td>")
		found := next.FindStringSubmatch(answer.Body.String())
		if path = ""; found != nil {
			path = strings.ReplaceAll(found[1], "&amp;", "&")
			if strings.Contains(path, "example.org") || strings.Contains(path, "p0") {
				t.Fatalf("the address of the next page names somebody: %s", path)
			}
		}
	}
	if seen != 120 {
		t.Errorf("%d people on all pages, want 120", seen)
	}
	want(t, w.do("/a/1/groups/group:12/people/expected?after=x", nil), http.StatusGone, "This link has ended.")
}

func TestPeople(t *testing.T) {
	w := fullWorld(t, nil)
	two := w.do("/a/1/people", url.Values{"who": {"exam"}})
	want(t, two, http.StatusOK, "Ann Example", "no e-mail address", `value="exam"`)
	w.office.people = w.office.people[:1]
	one := w.do("/a/1/people", url.Values{"who": {"ann@example.org"}})
	path := one.Header().Get("Location")
	if one.Code != http.StatusSeeOther || !strings.HasPrefix(path, "/a/1/people/at/") || strings.Contains(path, "ann") {
		t.Fatalf("status %d, leads to %s", one.Code, path)
	}
	person := w.do(path, nil)
	want(t, person, http.StatusOK, "Ann Example", "may be mailed", "left the list", "Allow back on this list", "Check now", "Retry", "old@example.org", "Question 31")
	if strings.Contains(person.Body.String(), `href="/a/1/people/at/old`) {
		t.Error("a link names somebody")
	}
	leads(t, w.do(path, url.Values{"do": {"look"}}), "/a/1/requests/8")
	leads(t, w.do(path, url.Values{"do": {"retry"}}), "/a/1/requests/9")
	leads(t, w.do(path, url.Values{"do": {"allow_back"}, "list": {"group:12"}}), "/a/1/requests/10")
	if last := w.office.asked[len(w.office.asked)-1]; last != "AllowBack group:12 1" {
		t.Errorf("asked %s", last)
	}
	want(t, w.do(path, url.Values{"do": {"delete"}}), http.StatusBadRequest)
	// A link is about the association that it was made for.
	want(t, w.do(strings.Replace(path, "/a/1/", "/a/a%2Fb%20c/", 1), nil), http.StatusGone)
	leads(t, w.do("/a/1/people", url.Values{"who": {" "}}), "/a/1/people?said=nobody")
	w.office.people, w.office.slow = nil, true
	want(t, w.do("/a/1/people", url.Values{"who": {"nobody"}}), http.StatusOK, "could not be looked through")
}

func TestApprovals(t *testing.T) {
	w := fullWorld(t, nil)
	list := w.do("/a/1/approvals", nil)
	want(t, list, http.StatusOK, "Board", "30 of 60.", "1 question", `href="/a/1/adoption"`, "in 5 h")
	want(t, w.do("/a/1/approvals/31", nil), http.StatusOK, "Bob", "bob@example.org", "Approve all 28", "They are taken off the list.", "They stay on the list", `max="28"`)
	leads(t, w.do("/a/1/approvals/31", url.Values{"answer": {"approve"}}), "/a/1/approvals?said=approved")
	leads(t, w.do("/a/1/approvals/31", url.Values{"answer": {"up_to"}, "most": {"5"}}), "/a/1/approvals?said=approved")
	leads(t, w.do("/a/1/approvals/31", url.Values{"answer": {"reject"}}), "/a/1/approvals?said=rejected")
	want(t, w.do("/a/1/approvals/31", url.Values{"answer": {"up_to"}, "most": {"0"}}), http.StatusBadRequest, "Up to how many?")
	want(t, w.do("/a/1/approvals/31", url.Values{}), http.StatusBadRequest)
	want(t, w.do("/a/1/approvals/99", nil), http.StatusNotFound)
	if want := []string{"31 true 0", "31 true 5", "31 false 0"}; !slices.Equal(w.office.answers, want) {
		t.Errorf("answers %q, want %q", w.office.answers, want)
	}
}

func TestAdoption(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/adoption", nil), http.StatusOK, "Board", "2 people", "Decide later", `name="question-32"`)
	leads(t, w.do("/a/1/adoption", url.Values{"question-32": {"reject"}, "question-31": {"approve"}, "question-30": {"later"}}), "/a/1/adoption?said=answered")
	if want := []string{"32 false 0"}; !slices.Equal(w.office.answers, want) { // 31 is no question of this page
		t.Errorf("answers %q, want %q", w.office.answers, want)
	}
	leads(t, w.do("/a/1/adoption", url.Values{"question-32": {"later"}}), "/a/1/adoption?said=nothing")
}

func TestOptions(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/options", nil), http.StatusOK, "Thursday, Nov 26, 5:00 PM CST", "01:00", "America/Chicago", "The window cannot be read.")
	form := url.Values{
		"newsletter_solution": {"ConstantContact"}, "sync_all_active": {"on"}, "sync_groups": {"on"}, "window_start": {"02:00"}, "window_end": {"04:00"}, "time_zone": {"America/Denver"},
	}
	preview := w.do("/a/1/options", form)
	want(t, preview, http.StatusOK, "10 people would be added", "Everybody", "/a/1/groups/all_active/people/to_add", "Nothing is saved yet")
	if strings.Contains(preview.Body.String(), "Board") || w.office.chosen != nil {
		t.Error("what is on already is previewed, or something was saved")
	}
	form.Set("seen", "yes")
	leads(t, w.do("/a/1/options", form), "/a/1/options?said=options")
	if o := w.office.chosen; o == nil || !o.SyncAllActive || o.SyncMembershipTypes || !o.SyncGroups || o.WindowStart != "02:00" || o.TimeZone != "America/Denver" {
		t.Errorf("chosen %+v", o)
	}
	// Switching off needs no preview.
	w.office.chosen = nil
	leads(t, w.do("/a/1/options", url.Values{"newsletter_solution": {"Other"}}), "/a/1/options?said=options")
	w.office.badChoices = &Problem{Status: http.StatusBadRequest, What: "These options cannot be saved."}
	w.office.chosen = nil
	want(t, w.do("/a/1/options", form), http.StatusBadRequest)
	if w.office.chosen != nil {
		t.Error("options that cannot be are saved")
	}
}

func TestActivity(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/activity", nil), http.StatusOK, "Sync now", "Nightly run", "act-1", "Constant Contact is still working")
	part := w.do("/a/1/activity", nil, "HX-Request", "true")
	want(t, part, http.StatusOK, "act-1")
	if strings.Contains(part.Body.String(), "Nightly run") {
		t.Error("the part has the runs")
	}
	want(t, w.do("/a/1/activity/21", nil), http.StatusOK, "Constant Contact refused this address.", "1 h", "people.csv")
	csv := w.do("/a/1/activity/21/people.csv", nil)
	want(t, csv, http.StatusOK, "call,email,rep,list,operation,outcome,reason,explanation\n", "'=cmd@example.org")
	if kind := csv.Header().Get("Content-Type"); kind != "text/csv; charset=utf-8" {
		t.Errorf("Content-Type %s", kind)
	}
	leads(t, w.do("/a/1/reconcile", url.Values{}), "/a/1/requests/11")
	want(t, w.do("/a/1/activity/22", nil), http.StatusNotFound)
}

func TestListAnswers(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/groups/group:12", nil), http.StatusOK, "Make it again", "Switch it off", "Bind it", "Remove them…")
	for do, said := range map[string]string{"recreate": "recreated", "switch_off": "switched_off", "foreign_keep": "foreign", "foreign_remove": "foreign"} {
		leads(t, w.do("/a/1/groups/group:12", url.Values{"do": {do}}), "/a/1/groups/group:12?said="+said)
	}
	leads(t, w.do("/a/1/groups/group:12", url.Values{"do": {"bind"}, "to": {" Board 2 "}}), "/a/1/requests/12")
	if last := w.office.asked[len(w.office.asked)-1]; last != "BindList Board 2 1" || w.office.by != olive.Name {
		t.Errorf("asked %s by %s", last, w.office.by)
	}
	want(t, w.do("/a/1/groups/group:12", url.Values{}), http.StatusBadRequest)
}

func TestLeftoverRemovesWhoWasShown(t *testing.T) {
	w := fullWorld(t, nil)
	shown := w.do("/a/1/groups/group:12/leftover", nil)
	want(t, shown, http.StatusOK, "Bob Example", "bob@example.org", "Take 1 person off")
	form := url.Values{"preview": {hidden(t, shown, "preview")}}
	want(t, w.do("/a/1/groups/group:12/sync", form), http.StatusConflict) // shown for something else
	shown = w.do("/a/1/groups/group:12/leftover", nil)
	form = url.Values{"preview": {hidden(t, shown, "preview")}}
	was := w.office.leftover
	w.office.leftover = nil
	leads(t, w.do("/a/1/groups/group:12/leftover", form), "/a/1/groups/group:12?said=removed")
	if w.office.removed != was {
		t.Error("others were removed than shown")
	}
	want(t, w.do("/a/1/groups/group:12/leftover", form), http.StatusConflict)
}

func TestAuditLog(t *testing.T) {
	w := fullWorld(t, nil)
	first := w.do("/a/1/audit", nil)
	want(t, first, http.StatusOK, "ann", "Sync now", "group:12", "/a/1/audit?before=11")
	want(t, w.do("/a/1/audit?before=11", nil), http.StatusOK, "The latest")
}

func TestExports(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/groups/group:12/export.csv", nil), http.StatusOK, "ann@example.org")
	left := w.do("/a/1/groups/group:12/left-out.csv", nil)
	want(t, left, http.StatusOK, "bob@example.org")
	if strings.Contains(left.Body.String(), "ann@") {
		t.Error("both files in one")
	}
	want(t, w.do("/a/1/groups/group:99/export.csv", nil), http.StatusNotFound)
}

func TestConnect(t *testing.T) {
	w := fullWorld(t, fakeGuard{User{Name: "ann", Role: Admin}})
	t.Cleanup(w.Close)
	w.office.account.RedirectURL = "https://rollcall.example.org/callback" // nothing to listen at
	w.office.account.State = "disconnected"
	leads(t, w.do("/a/1/", nil), "/a/1/connect")
	want(t, w.do("/a/1/connect", url.Values{}), http.StatusBadRequest, "Have the members agreed")
	begin := w.do("/a/1/connect", url.Values{"agreed": {"yes"}})
	want(t, begin, http.StatusOK, "/authorize-there?state=fake-state", "rollcall.example.org/callback")
	want(t, w.do("/oauth/callback?state=other&code=c", nil), http.StatusBadRequest, "not the answer that is waited for")
	leads(t, w.do("/oauth/callback?state=fake-state&code=c", nil), "/a/1/connect?said=connected")
	if a := w.office.attempt; !a.finished || !a.closed || a.by != "ann" || a.agreedBy != "ann" {
		t.Errorf("attempt %+v", a)
	}
	want(t, w.do("/oauth/callback?state=fake-state&code=c", nil), http.StatusBadRequest)
	w.do("/a/1/connect", url.Values{"agreed": {"yes"}})
	leads(t, w.do("/a/1/connect/paste", url.Values{"address": {" http://localhost:8410/callback?state=fake-state&code=c "}}), "/a/1/connect?said=connected")
	w.do("/a/1/connect", url.Values{"agreed": {"yes"}})
	want(t, w.do("/oauth/callback?state=fake-state&error=access_denied", nil), http.StatusBadRequest, "The account was not connected.")
	leads(t, w.do("/a/1/disconnect", url.Values{}), "/a/1/connect?said=disconnected")
}

func TestAnAnswerBelongsToWhoBegan(t *testing.T) {
	w := fullWorld(t, fakeGuard{User{Name: "ann", Role: Admin}})
	w.office.account.RedirectURL = ""
	w.do("/a/1/connect", url.Values{"agreed": {"yes"}})
	w.Guard = fakeGuard{User{Name: "bob", Role: Admin}}
	w.handler = w.build()
	want(t, w.do("/oauth/callback?state=fake-state&code=c", nil), http.StatusBadRequest)
	if w.office.attempt.finished {
		t.Error("somebody else finished it")
	}
}

func TestTheBrowserIsSentOnToTheConsole(t *testing.T) {
	w := fullWorld(t, nil)
	// A free port: the forwarder takes it.
	taken := httptest.NewServer(http.NotFoundHandler())
	address := taken.URL + "/callback"
	taken.Close()
	w.office.account.RedirectURL = address
	w.do("/a/1/connect", url.Values{"agreed": {"yes"}})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(address + "?state=fake-state&code=c")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if to := answer.Header.Get("Location"); to != "http://localhost:8411/oauth/callback?state=fake-state&code=c" {
		t.Errorf("status %d, leads to %s", answer.StatusCode, to)
	}
	w.Close()
	if answer, err := client.Get(address); err == nil {
		answer.Body.Close()
		t.Error("the port is still taken")
	}
}

func TestFormsAreBounded(t *testing.T) {
	w := fullWorld(t, nil)
	want(t, w.do("/a/1/groups/ticks", url.Values{"shown": {strings.Repeat("x", maxFormBytes)}}), http.StatusRequestEntityTooLarge, "too large")
}

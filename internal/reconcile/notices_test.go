package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/store"
)

// notices are what is noted, as kind, subject and text.
func (w *world) notices() []string {
	w.t.Helper()
	all, err := w.state.Notices(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var said []string
	for _, n := range all {
		said = append(said, string(n.Kind)+" "+string(n.List)+string(n.Rep)+" "+strings.Join(n.What, ","))
	}
	return said
}

func (w *world) wantNotices(want ...string) {
	w.t.Helper()
	if got := w.notices(); !slices.Equal(got, want) {
		w.t.Errorf("notices %q, want %q", got, want)
	}
}

// A name that is too long, and one that another list has, are noted until the
// office changes them.
func TestNoticesAboutNames(t *testing.T) {
	long := strings.Repeat("n", 300)
	w := newWorld(t, noon, `insert into chamber.rep_group (association_id, name) values (1, 'Gold'), (1, '`+long+`')`)
	w.settle()
	w.wantNotices(string(store.NoticeNameCut)+" group:3 "+long[:255], string(store.NoticeNameTaken)+" group:2 Gold (group)")
	first, err := w.state.Notices(t.Context())
	w.do(err)
	w.sleep(time.Hour)
	w.change(cdc.KindGroup, "2", `update chamber.rep_group set name = 'Silver' where group_id = 2`)
	w.settle()
	w.wantNotices(string(store.NoticeNameCut) + " group:3 " + long[:255])
	after, err := w.state.Notices(t.Context())
	w.do(err)
	if !after[0].Since.Equal(first[0].Since) {
		t.Errorf("noted since %s, and since %s before", after[0].Since, first[0].Since)
	}
}

// Fields that are too long are noted by the rep and their names, never by what
// they say, until they are short enough.
func TestNoticesAboutFields(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	w.wantNotices()
	w.change(cdc.KindRep, "3", `update chamber.rep set first_name = repeat('x', 60), job_title = repeat('y', 51) where rep_id = 3`)
	w.settle()
	w.wantNotices(string(store.NoticeFieldsCut) + " 3 first name,job title")
	// Shortened to what was told: nothing is told, and nothing is cut any more.
	w.change(cdc.KindRep, "3", `update chamber.rep set first_name = repeat('x', 50) where rep_id = 3`)
	w.settle()
	w.wantNotices(string(store.NoticeFieldsCut) + " 3 job title")
	if about, err := w.state.Notices(t.Context(), "4"); err != nil || len(about) > 0 {
		t.Errorf("about rep 4: %v, %v", about, err)
	}
	w.change(cdc.KindRep, "3", `update chamber.rep set job_title = '' where rep_id = 3`)
	w.settle()
	w.wantNotices()
}

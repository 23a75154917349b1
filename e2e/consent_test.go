package e2e

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	allActive = "All Active and Courtesy Representatives"
	gold      = "Gold"
	board     = "Board"
)

// The people of a small chamber. All are active, at a member of the type Gold,
// and on the board, so that each is on three lists.
const (
	ulla  = "ulla@example.org" // unsubscribes
	lena  = "lena@example.org" // leaves a list
	lotte = "lotte@example.org"
	rosa  = "rosa@example.org"
)

func fillSmall(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `
insert into chamber.association (name) values ('Harbour Chamber');
insert into chamber.sync_options (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups)
	values (1, 'ConstantContact', true, true, true);
insert into chamber.membership_type (association_id, name) values (1, 'Gold');
insert into chamber.member (association_id, name, status) values (1, 'Northern Rope Works', 'active');
insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1);
insert into chamber.rep (association_id, member_id, first_name, last_name, email) values
	(1, 1, 'Ulla', 'Example', 'ulla@example.org'), (1, 1, 'Lena', 'Example', 'lena@example.org'),
	(1, 1, 'Lotte', 'Example', 'lotte@example.org'), (1, 1, 'Rosa', 'Example', 'rosa@example.org');
insert into chamber.rep_group (association_id, name) values (1, 'Board');
insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep`)
	return err
}

// change is something that the office does and takes back.
type change struct {
	what       string
	away, back string
	stays      bool // away does not take anybody off the list
}

var (
	inactive = change{
		what: "reps are made inactive and active again",
		away: "update chamber.rep set active = false",
		back: "update chamber.rep set active = true",
	}
	dropped = change{
		what: "the member is dropped and comes back",
		away: "update chamber.member set status = 'dropped'",
		back: "update chamber.member set status = 'courtesy'",
	}
)

// kinds are the kinds of list, with what may put somebody back on one.
var kinds = map[string]struct {
	list    string
	changes []change
}{
	"all active": {allActive, []change{inactive, dropped}},
	"membership type": {gold, []change{
		{
			what: "the member leaves the type and rejoins it",
			away: "delete from chamber.member_type",
			back: "insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1)",
		},
		dropped,
	}},
	"group": {board, []change{
		{
			what: "memberships are disabled and enabled",
			away: "update chamber.group_membership set disabled = true",
			back: "update chamber.group_membership set disabled = false",
		},
		{
			what:  "everybody leaves the group and rejoins it",
			away:  "delete from chamber.group_membership",
			back:  "insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep",
			stays: true,
		},
		{inactive.what, inactive.away, inactive.back, true},
	}},
}

// Whoever unsubscribed, or left a list, is not put back on it by anything that
// happens in the database. Whoever did not is put back each time.
func TestNobodyWhoLeftIsPutBack(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "small", fillSmall)
			w.start(t)
			w.settle(t, time.Minute)
			w.wantOn(t, "at first", kind.list, lena, lotte, rosa, ulla)

			w.must(t, w.sim.Unsubscribe(account, ulla))
			w.must(t, w.sim.Leave(account, lena, kind.list))
			w.exec(t, "update chamber.rep set job_title = 'Rope maker' where email in ($1, $2)", ulla, lena)
			w.settle(t, time.Minute)
			w.wantOn(t, "after a new job title", kind.list, lotte, rosa)
			for _, c := range kind.changes {
				w.awayAndBack(t, kind.list, c, lotte, rosa)
			}
			w.exec(t, "update chamber.rep set job_title = 'Rope walker'")
			w.exec(t, "update chamber.rep set email = initcap(email)")
			w.exec(t, "select rollcall.touch('all', null)")
			w.settle(t, time.Minute)
			w.wantOn(t, "in the end", kind.list, lotte, rosa)

			// Leaving one list is leaving that list.
			for _, list := range []string{allActive, gold, board} {
				if list != kind.list {
					w.wantOn(t, "in the end", list, lena, lotte, rosa)
				}
			}
			w.wantNoViolations(t)
			w.stop(t)
		})
	}
}

// The same for somebody who leaves a list just before the database takes them
// off it: they are read before they are taken off.
func TestNobodyWhoLeftBeforeARemovalIsPutBack(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "small", fillSmall)
			w.start(t)
			w.settle(t, time.Minute)
			w.awayAndBack(t, kind.list, kind.changes[0], lena, lotte, rosa, ulla)
			w.must(t, w.sim.Unsubscribe(account, ulla))
			w.must(t, w.sim.Leave(account, lotte, kind.list))
			w.awayAndBack(t, kind.list, kind.changes[0], lena, rosa)
			w.wantNoViolations(t)
			w.stop(t)
		})
	}
}

// awayAndBack makes a change and takes it back, and wants these people on the
// list afterwards.
func (w *world) awayAndBack(t *testing.T, list string, c change, people ...string) {
	t.Helper()
	w.exec(t, c.away)
	w.settle(t, time.Minute)
	if c.stays {
		w.wantOn(t, "midway when "+c.what, list, people...)
	} else {
		w.wantOn(t, "midway when "+c.what, list)
	}
	w.exec(t, c.back)
	w.settle(t, time.Minute)
	w.wantOn(t, "when "+c.what, list, people...)
}

// wantOn wants exactly these people on a list. They are given in order.
func (w *world) wantOn(t *testing.T, when, list string, people ...string) {
	t.Helper()
	if on := w.sim.ListAddresses(account, list); !slices.Equal(on, people) {
		t.Errorf("%s: on the list %q are %q, want %q", when, list, on, people)
	}
}

func (w *world) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

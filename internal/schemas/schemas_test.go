package schemas_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/check"
	"rollcall/internal/pgtest"
)

// number is one that the environment may set.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Whatever changes in the tables, everybody whom a view shows differently
// afterwards is looked at, or it is one of the documented blind spots, which
// the look at everything finds.
func TestEveryDifferenceIsTouched(t *testing.T) {
	changes, seed := number(t, "ROLLCALL_TEST_CHANGES", 150), number(t, "ROLLCALL_TEST_SEED", 20260701)
	for _, f := range folders(t) {
		t.Run(f.name, func(t *testing.T) {
			db := f.database(t)
			differ, lost := putThrough(t, db, uint64(seed), changes)
			if lost != "" {
				t.Error(lost)
			}
			if differ < changes/3 && !f.mayWarn || differ == 0 {
				t.Errorf("%d rows of views differ: too few to show anything", differ)
			}
		})
	}
}

// Without one of its watches a schema does not pass.
func TestAMissingWatchIsNoticed(t *testing.T) {
	for _, f := range folders(t)[:3] {
		table := map[string]string{
			"reference": "chamber.member_type", "galette": "public.galette_dynamic_fields", "tendenci": "public.corporate_memberships_corpmembershiprep",
		}[f.name]
		t.Run(f.name, func(t *testing.T) {
			db := f.database(t)
			db.Exec(t, "delete from rollcall.watches where \"table\" = $1", table)
			db.Exec(t, publication())
			if _, lost := putThrough(t, db, 3, 500); lost == "" {
				t.Errorf("nothing is lost without the watch of %s", table)
			}
		})
	}
}

// putThrough has an office change a member system at random. It ends at the
// first difference that nobody has been told to look at.
func putThrough(t *testing.T, db *pgtest.DB, seed uint64, changes int) (differ int, lost string) {
	t.Helper()
	r := start(t, db)
	o := newOffice(t, db, seed)
	r.forget(t)
	before := r.shown(t)
	var refused, blind int
	kinds := map[string]int{}
	for range changes {
		r.bindLists(t)
		did, statements, err := o.work(context.Background())
		if err != nil {
			refused++
			continue
		}
		r.settle(t)
		after := r.shown(t)
		list, n := missed(before, after, r.dirty(t))
		differ += n
		isBlind := false
		for _, c := range did {
			kinds[c.op]++
			isBlind = isBlind || o.blind(t, c)
		}
		if len(list) > 0 && !isBlind {
			return differ, fmt.Sprintf("not touched:\n\t%s\nafter:\n%s", listed(list), strings.Join(statements, ";\n"))
		}
		if len(list) > 0 {
			blind++
			r.exec(t, "select rollcall.touch('all', null)")
			r.settle(t)
			if list, _ := missed(before, after, r.dirty(t)); len(list) > 0 {
				return differ, fmt.Sprintf("not touched by looking at everything:\n\t%s\nafter:\n%s", listed(list), strings.Join(statements, ";\n"))
			}
		}
		r.forget(t)
		before = after
	}
	t.Logf("%v; %d refused by the database; %d rows of views differ; %d transactions in a blind spot", kinds, refused, differ, blind)
	return differ, ""
}

// An opt-out by address concerns whoever has the address or had it once. One
// of an address that nobody was ever seen with is read when somebody has it.
func TestWatchesOfOptOutsReachWhoeverHadTheAddress(t *testing.T) {
	before := shown{"seen": {"1 ann@example.org": row{}}, "opt_outs": {}}
	after := shown{"seen": before["seen"], "opt_outs": {
		"1 a": {association: "1", emails: []string{"Ann@example.org "}}, "2 a": {association: "2", emails: []string{"ann@example.org"}},
		"1 b": {association: "1", emails: []string{"bea@example.org"}},
	}}
	list, differ := missed(before, after, nil)
	if want := []string{`rollcall.opt_outs 1 a: "ann@example.org"`}; !slices.Equal(list, want) || differ != 3 {
		t.Errorf("%d differ, not touched: %q, want %q", differ, list, want)
	}
	if list, _ := missed(before, after, map[[2]string]bool{{"1", "ann@example.org"}: true}); len(list) > 0 {
		t.Errorf("not touched, though it is: %q", list)
	}
}

// A group that goes concerns its association's lists, and nothing where the
// association went with it: what a truncated table took is looked at by options.
func TestWatchesOfGroupsReachTheListsOfWhoeverWantsSome(t *testing.T) {
	group, wants := row{association: "1", group: "7"}, row{association: "1"}
	before := shown{"groups": {"1 7": group}, "options": {"1": wants}}
	if list, _ := missed(before, shown{"options": {"1": wants}}, nil); !slices.Equal(list, []string{`rollcall.groups 1 7: ""`}) {
		t.Errorf("a group went: %q", list)
	}
	if list, differ := missed(before, shown{}, nil); len(list) > 0 || differ != 2 {
		t.Errorf("all went: %d differ, not touched: %q", differ, list)
	}
}

// What check says of each schema: nothing but notes where it is one of ours.
func TestSchemasPassTheCheck(t *testing.T) {
	for _, f := range folders(t) {
		t.Run(f.name, func(t *testing.T) {
			db := f.database(t)
			r := start(t, db)
			source, state, err := app.Databases(r.cfg)
			if err != nil {
				t.Fatal(err)
			}
			var associations []check.Connection
			for _, row := range r.shown(t)["options"] {
				associations = append(associations, check.Connection{Association: row.association})
			}
			report := check.Run(t.Context(), check.Config{
				Source: source, State: state, Name: r.cfg.Source.Name, Slot: r.cfg.Source.Slot, Publication: r.cfg.Source.Publication,
				Triggers: pgtest.ByTriggers(), Connections: associations, Now: time.Now,
			})
			for _, found := range report.Findings {
				t.Logf("%s %s %s: %s → %s", found.Severity, found.Name, found.Object, found.Text, found.Fix)
			}
			if report.Errors > 0 || report.Warnings > 0 && !f.mayWarn {
				t.Errorf("%d errors, %d warnings", report.Errors, report.Warnings)
			}
		})
	}
}

// A table that the views begin to read later is watched without a restart.
func TestWatchesMayBeAddedLater(t *testing.T) {
	f := folders(t)[0]
	db := f.database(t)
	r := start(t, db)
	r.exec(t, "create table chamber.nickname (rep_id bigint primary key, name text)")
	r.exec(t, "insert into chamber.nickname select rep_id, 'Early' from chamber.rep order by rep_id limit 1")
	r.forget(t)

	// The watch, the publication and the view in one transaction, as the docs
	// say. Everything is looked at anew.
	contract := f.contract
	contract.Watches = "insert into rollcall.watches values ('chamber.nickname', '{rep_id}', 'rep', null);"
	contract.Views = strings.Replace(referenceViews(), "r.first_name,", "coalesce((select n.name from chamber.nickname n where n.rep_id = r.rep_id), r.first_name) as first_name,", 1)
	apply(t, db, contract)
	r.settle(t)
	addresses := r.addresses(t)
	dirty := r.dirty(t)
	for _, a := range addresses {
		if !dirty[a] {
			t.Errorf("after the new watch nobody looks at %v", a)
		}
	}

	// From then on its changes arrive.
	r.forget(t)
	before := r.shown(t)
	r.exec(t, "insert into chamber.nickname select rep_id, 'Late' from chamber.rep where email is not null order by rep_id desc limit 1")
	r.settle(t)
	if lost, differ := missed(before, r.shown(t), r.dirty(t)); len(lost) > 0 || differ == 0 {
		t.Errorf("%d rows differ, not touched: %v", differ, lost)
	}
	if n := len(r.dirty(t)); n > 5 {
		t.Errorf("one new nickname makes %d addresses dirty", n)
	}

	// And when the watch goes, so do they.
	db.Exec(t, "begin; delete from rollcall.watches where \"table\" = 'chamber.nickname'; "+publication()+" commit")
	r.settle(t)
	r.forget(t)
	r.exec(t, "update chamber.nickname set name = 'Last'")
	r.settle(t)
	if dirty := r.dirty(t); len(dirty) > 0 {
		t.Errorf("without the watch: %v", dirty)
	}
}

// Ids of any type go through the touched set, the views and back.
func TestIdsOfAnyType(t *testing.T) {
	for kind, ids := range map[string][2]string{
		"bigint":                {"0", "-7"},
		"uuid":                  {"00000000-0000-0000-0000-000000000000", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"},
		"text":                  {`o'Neil "{,}\ 17`, "ünïcode ☃"},
		"numeric":               {"12345678901234567890", "1.50"},
		"character varying(40)": {"Ab", "ab"},
		"character(8)":          {"ab", "a b c"},
	} {
		t.Run(kind, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, anyTables(kind))
			apply(t, db, anyContract())
			r := start(t, db)
			for _, id := range ids {
				r.forget(t)
				r.exec(t, "insert into club.person values ($1::text::"+kind+", 'ann' || $2 || '@example.org')", id, fmt.Sprint(len(id)))
				r.exec(t, "insert into club.circle values ($1::text::"+kind+", 'Circle')", id)
				r.settle(t)
				r.forget(t)
				before := r.shown(t)
				r.exec(t, "insert into club.in_circle values ($1::text::"+kind+", $1::text::"+kind+")", id)
				r.settle(t)
				if lost, differ := missed(before, r.shown(t), r.dirty(t)); len(lost) > 0 || differ != 1 {
					t.Errorf("membership of %q: %d rows differ, not touched: %v", id, differ, lost)
				}
				r.forget(t)
				before = r.shown(t)
				r.exec(t, "delete from club.in_circle; ")
				r.exec(t, "delete from club.person where id = $1::text::"+kind, id)
				r.settle(t)
				if lost, differ := missed(before, r.shown(t), r.dirty(t)); len(lost) > 0 || differ != 2 {
					t.Errorf("deletion of %q: %d rows differ, not touched: %v", id, differ, lost)
				}
			}
		})
	}
}

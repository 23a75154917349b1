package schemas_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/check"
	"rollcall/internal/pgtest"
)

// changes is how many transactions a schema is put through.
func changes(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("ROLLCALL_TEST_CHANGES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 150
}

// Whatever changes in the tables, everybody whom a view shows differently
// afterwards is looked at, or it is one of the documented blind spots, which
// the look at everything finds.
func TestEveryDifferenceIsTouched(t *testing.T) {
	for _, f := range folders(t) {
		t.Run(f.name, func(t *testing.T) {
			db := f.database(t)
			r := start(t, db)
			o := newOffice(t, db, 20260701)
			r.forget(t)
			before := r.shown(t)
			var differ, refused, blind int
			kinds := map[string]int{}
			for range changes(t) {
				did, statements, err := o.work(context.Background())
				if err != nil {
					refused++
					continue
				}
				r.settle(t)
				after := r.shown(t)
				lost, n := missed(before, after, r.dirty(t))
				differ += n
				isBlind := false
				for _, c := range did {
					kinds[c.op]++
					isBlind = isBlind || o.blind(t, c)
				}
				if len(lost) > 0 && !isBlind {
					t.Fatalf("not touched:\n\t%s\nafter:\n%s", listed(lost), strings.Join(statements, ";\n"))
				}
				if len(lost) > 0 {
					blind++
					r.exec(t, "select rollcall.touch('all', null)")
					r.settle(t)
					if lost, _ := missed(before, after, r.dirty(t)); len(lost) > 0 {
						t.Fatalf("not touched by looking at everything:\n\t%s\nafter:\n%s", listed(lost), strings.Join(statements, ";\n"))
					}
				}
				r.forget(t)
				before = after
			}
			t.Logf("%v; %d refused by the database; %d rows of views differ; %d transactions in a blind spot", kinds, refused, differ, blind)
			if differ < changes(t)/2 {
				t.Errorf("%d rows of views differ: too few to show anything", differ)
			}
		})
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
				Connections: associations, Now: time.Now,
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
	} {
		t.Run(kind, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, strings.ReplaceAll(anyIDs, "ID", kind))
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

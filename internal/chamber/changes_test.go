package chamber_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
)

func apply(t *testing.T, conn *pgx.Conn, s chamber.Statement) (rows int64) {
	t.Helper()
	tag, err := conn.Exec(context.Background(), s.SQL, s.Args...)
	if err != nil {
		t.Fatalf("%s: %v", s.SQL, err)
	}
	return tag.RowsAffected()
}

func TestChangesFollowFromTheSeed(t *testing.T) {
	of := chamber.Summary{Associations: chamber.IDs{First: 1, Last: 2}, Members: chamber.IDs{First: 1, Last: 9}, Reps: chamber.IDs{First: 1, Last: 40}, Groups: chamber.IDs{First: 1, Last: 4}}
	collect := func(seed uint64) []chamber.Statement { return slices.Collect(chamber.Changes(seed, of, 500)) }
	if !reflect.DeepEqual(collect(1), collect(1)) {
		t.Error("one seed gave two sequences")
	}
	if reflect.DeepEqual(collect(1), collect(2)) {
		t.Error("two seeds gave one sequence")
	}
}

func TestChangesWork(t *testing.T) {
	conn := database(t)
	s := generate(t, conn, chamber.Options{Seed: 5, Associations: 2, Reps: 500, Groups: 10})
	changed := make(map[string]int64)
	for change := range chamber.Changes(5, s, 5000) {
		changed[change.SQL] += apply(t, conn, change)
	}
	for statement, rows := range changed {
		if rows == 0 {
			t.Errorf("nothing was ever changed by: %s", statement)
		}
	}
	if len(changed) != 17 {
		t.Errorf("%d kinds of change, want 17", len(changed))
	}
}

// Expected cannot know what was remembered of a person who is gone; so nobody
// who opted out may go.
func TestChangesKeepThoseWhoOptedOut(t *testing.T) {
	conn := database(t)
	s := generate(t, conn, chamber.Options{Seed: 6, Associations: 1, Reps: 300, Groups: 5})
	const optedOut = `select format('%s %s', rep_id, lower(btrim(email, E' \t\r\n'))) from chamber.rep r
		where opted_out and rep_id % 16 <> 0 or exists (select from chamber.opt_out o where lower(btrim(r.email, E' \t\r\n')) = o.email) order by 1`
	before := column[string](t, conn, optedOut)
	for change := range chamber.Changes(6, s, 3000) {
		apply(t, conn, change)
	}
	after := column[string](t, conn, optedOut)
	for _, rep := range before {
		if !slices.Contains(after, rep) {
			t.Errorf("opted-out rep %s is gone or has a new address", rep)
		}
	}
	if len(before) < 5 {
		t.Errorf("%d reps had opted out, too few to tell", len(before))
	}
}

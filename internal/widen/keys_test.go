package widen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Every key is in one piece, few keys are in one, and no piece has more than its share.
func TestPieces(t *testing.T) {
	ids := func(n int) []string {
		all := make([]string, 0, 2*n)
		for i := range n {
			all = append(all, fmt.Sprint(i), fmt.Sprint(i))
		}
		return all
	}
	for _, c := range []struct {
		name   string
		keys   keys
		pieces int
	}{
		{"none", keys{}, 1},
		{"few", keys{reps: ids(10), members: ids(10), groups: ids(2), addresses: [][2]string{{"1", "ann@example.org"}}}, 1},
		{"an association and a rep", keys{reps: ids(1), associations: ids(1)}, 2},
		{"many of all", keys{reps: ids(2500), members: ids(300), groups: ids(41), associations: ids(2), addresses: make([][2]string, 1001)}, 3 + 2 + 3 + 2 + 2},
		{"everything", keys{all: true, reps: ids(2500)}, 1},
	} {
		var found keys
		n := 0
		for piece := range c.keys.pieces() {
			n++
			found.all = found.all || piece.all
			found.reps = append(found.reps, piece.reps...)
			found.members = append(found.members, piece.members...)
			found.groups = append(found.groups, piece.groups...)
			found.associations = append(found.associations, piece.associations...)
			found.addresses = append(found.addresses, piece.addresses...)
			weight := len(piece.reps) + memberReps*len(piece.members) + groupReps*len(piece.groups) + pieceReps*len(piece.associations) + len(piece.addresses)
			if weight > pieceReps && !c.keys.all {
				t.Errorf("%s: a piece is as heavy as %d reps", c.name, weight)
			}
		}
		if n != c.pieces {
			t.Errorf("%s: %d pieces, want %d", c.name, n, c.pieces)
		}
		for what, of := range map[string][2][]string{
			"reps": {found.reps, c.keys.reps}, "members": {found.members, c.keys.members},
			"groups": {found.groups, c.keys.groups}, "associations": {found.associations, c.keys.associations},
		} {
			if n > 1 && !slices.Equal(slices.Sorted(slices.Values(of[0])), union(of[1], nil)) {
				t.Errorf("%s: %d %s in all pieces, want each of %d once", c.name, len(of[0]), what, len(union(of[1], nil)))
			}
		}
		if found.all != c.keys.all || len(found.addresses) != len(c.keys.addresses) {
			t.Errorf("%s: everything %v, %d addresses", c.name, found.all, len(found.addresses))
		}
	}
}

// Many keys are widened in several transactions. When one fails all keys stay, those
// of the pieces before among them, and the next pass widens them all.
func TestKeysStayUntilTheLastPiece(t *testing.T) {
	b := newBench(t)
	exec(t, b.admin, `insert into chamber.rep (association_id, member_id, email) select 1, 1, 'rep' || i || '@example.org' from generate_series(1, 2 * 1000) i`)
	b.eventually(t, "select coalesce(sum(coalesce(keys, 1)), 0)::text from rollcall_state.touched", "2000")

	whole := b.Store
	broken := errors.New("connection lost")
	transactions := 0
	b.Store = whole.Fenced(func(context.Context, pgx.Tx) error {
		if transactions++; transactions > 1 {
			return broken
		}
		return nil
	})
	if _, _, err := b.Pass(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("a pass of which the second transaction fails: %v", err)
	}
	b.eventually(t, "select coalesce(sum(coalesce(keys, 1)), 0)::text from rollcall_state.touched", "2000")
	b.eventually(t, dirtyCount, fmt.Sprint(pieceReps))

	b.Store = whole
	if took, kept := b.pass(t); took != 2000 || kept != 0 {
		t.Errorf("the pass after that took %d and kept %d, want 2000 and 0", took, kept)
	}
	b.eventually(t, touchedCount, "0")
	b.eventually(t, dirtyCount, "2000")
}

// A member leads to all its reps, to those that are touched themselves and to the
// others, and each of them is marked.
func TestRepsOfATouchedMember(t *testing.T) {
	b := newBench(t)
	exec(t, b.admin, "begin; update chamber.member set name = 'Bakeries' where member_id = 1; update chamber.rep set job_title = 'Baker' where rep_id = 2; commit")
	b.eventually(t, touchedCount, "2")
	if took, _ := b.pass(t); took != 2 {
		t.Errorf("took %d keys, want 2", took)
	}
	b.eventually(t, "select string_agg(address, ' ' order by address) from rollcall_state.dirty", "ann@example.org bob@example.org")
}

// Whoever opts out comes first with every address they were seen with, however many
// others wait. The addresses of somebody who only changes do not.
func TestEveryAddressOfAnOptOutComesFirst(t *testing.T) {
	b := newBench(t)
	for _, change := range []string{
		"update chamber.rep set job_title = 'Baker'",
		"update chamber.rep set email = 'anna@example.org', opted_out = true where rep_id = 1; update chamber.rep set email = 'rob@example.org' where rep_id = 2",
	} {
		exec(t, b.admin, "begin; "+change+"; commit")
		b.eventually(t, touchedCount, "2")
		if took, _ := b.pass(t); took != 2 {
			t.Fatalf("took %d keys, want 2", took)
		}
	}
	b.eventually(t, "select string_agg(address, ' ' order by address) filter (where first) from rollcall_state.dirty", "ann@example.org anna@example.org")
	b.eventually(t, dirtyCount, "4")
}

package source

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/mapper"
)

// fragile has a view that cannot compute the phone of reps that are negative in it,
// nor the memberships of reps whose group is.
const fragile = `alter table rollcall.reps rename to raw;
	create view rollcall.reps as select association_id, rep_id, member_id, email, first_name, last_name, company, job_title,
		sqrt(phone::float8)::text as phone, street, city, state, zip, country, active, member_status, membership_types, opted_out from rollcall.raw;
	alter table rollcall.group_members rename to raw_members;
	create view rollcall.group_members as select association_id, sqrt(group_id)::integer as group_id, rep_id, disabled from rollcall.raw_members;
	insert into rollcall.raw (association_id, rep_id, email, phone) select 1, n, 'rep' || n || '@example.org', '4' from generate_series(1, 20) n;`

// The person at whose row a view fails is marked and told of, and nobody else is. The
// snapshot can be read on.
func TestAViewThatFailsAtARowHoldsUpItsPersonOnly(t *testing.T) {
	s := open(t, views("integer"), fragile+`update rollcall.raw set phone = -1 where rep_id in (4, 17); insert into rollcall.raw_members values (1, 4, 2, false), (1, -4, 9, false)`)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	var all []mapper.Address
	for _, n := range strings.Fields("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20") {
		all = append(all, mapper.Address("rep"+n+"@example.org"))
	}
	sn := snapshot(t, s)
	for range 2 {
		people, err := sn.RepsAt(t.Context(), "1", all, nil)
		if err != nil || len(people) != len(all) {
			t.Fatalf("%d people, %v", len(people), err)
		}
		for _, p := range people {
			fails := slices.Contains([]mapper.RepID{"4", "9", "17"}, p.ID)
			if fails != (p.Unreadable == "value") || p.Email != "rep"+string(p.ID)+"@example.org" || (p.ID == "2") != (len(p.Groups) == 1) {
				t.Errorf("%+v", p)
			}
		}
	}
	if n := strings.Count(log.String(), `problem="a view fails at it" count=3`); n != 1 || strings.Contains(log.String(), "example.org") {
		t.Errorf("told of %d times: %s", n, &log)
	}
	if got := reps(t, sn, "1", nil, "17"); !slices.Equal(got, []string{"17 value"}) {
		t.Errorf("alone: %q", got)
	}
	if got := reps(t, sn, "1", []mapper.Address{"nobody@example.org"}); len(got) > 0 {
		t.Errorf("nobody: %q", got)
	}
}

// Whoever shares a bad value holds up nobody by that either: a batch may be about them
// alone.
func TestABadValueThatPeopleShare(t *testing.T) {
	s := open(t, views("integer"), fragile+`update rollcall.raw set phone = -1 where rep_id in (4, 17)`)
	if got := reps(t, snapshot(t, s), "1", nil, "4", "17"); !slices.Equal(got, []string{"17 value", "4 value"}) {
		t.Errorf("%q", got)
	}
}

// A view that fails at everybody, or for another reason than a row, fails the question.
func TestAViewThatFailsIsNobodysRow(t *testing.T) {
	for name, change := range map[string]string{
		"22": "update rollcall.raw set phone = -1",
		"42": "drop view rollcall.group_members",
	} {
		s := open(t, views("integer"), fragile+`insert into rollcall.raw (association_id, rep_id, email) select 1, n, 'rep' || n || '@example.org' from generate_series(21, 40) n;`)
		if _, err := s.pool.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		var all []mapper.RepID
		for n := range 40 {
			all = append(all, mapper.RepID(strconv.Itoa(n+1)))
		}
		found, err := snapshot(t, s).RepsAt(t.Context(), "1", nil, all)
		if failure, ok := errors.AsType[*ViewError](err); !ok || failure.Code()[:2] != name {
			t.Errorf("%s: %v, %v", change, found, err)
		}
	}
}

// A text that no id can be is nobody's: people ask for it by hand.
func TestATextThatNoIDCanBeIsNobodys(t *testing.T) {
	s := open(t, views("integer"), "insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'ann@example.org')")
	for _, ids := range [][]mapper.RepID{{"no-number"}, {"no-number", "nor-this"}, {"1", "no-number"}} {
		want := slices.DeleteFunc([]string{"1"}, func(string) bool { return ids[0] != "1" })
		if got := reps(t, snapshot(t, s), "1", nil, ids...); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", ids, got, want)
		}
	}
}

// trips counts the statements and the batches of statements that a connection sends.
type trips struct{ n int }

func (c *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n++
	return ctx
}
func (*trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.n++
	return ctx
}
func (*trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// While nothing fails, that something could costs no time.
func TestRepsAreReadInTwoRoundTrips(t *testing.T) {
	s := open(t, views("integer"), "insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'ann@example.org')")
	cfg := s.pool.Config()
	count := &trips{}
	cfg.ConnConfig.Tracer = count
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s.pool = pool
	sn := snapshot(t, s)
	count.n = 0
	if got := reps(t, sn, "1", []mapper.Address{"ann@example.org"}); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q", got)
	}
	if count.n != 2 {
		t.Errorf("%d round trips, want one for the ids and one for the reps", count.n)
	}
}

// Two scales of numeric are one type and two texts. Who is in a group by the one and
// not by the other is not known to be in none.
func TestMembershipsOfAnIDWrittenOtherwise(t *testing.T) {
	s := open(t, views("numeric(12)"), `insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'ann@example.org'), (1, 2, 'bob@example.org');
		alter table rollcall.group_members alter rep_id type numeric(12,2);
		insert into rollcall.groups values (1, 1, 'Board', true); insert into rollcall.group_members values (1, 1, 1, false)`)
	if got := reps(t, snapshot(t, s), "1", nil, "1", "2"); !slices.Equal(got, []string{"1 otherwise", "2"}) {
		t.Errorf("%q", got)
	}
}

const withoutIDs = `insert into rollcall.reps (association_id, rep_id, member_id, email) values (1, 1, 1, 'ann@example.org'), (1, 2, 1, 'bob@example.org');
	insert into rollcall.groups values (1, 1, 'Board', true); insert into rollcall.group_members values (1, 1, 1, false);
	insert into rollcall.options values (1, 'ConstantContact', true, true, true, '01:00', '04:00', 'UTC');`

// A row that lacks an id fails no question about the others.
func TestARowWithoutAnIDFailsNoQuestion(t *testing.T) {
	for name, row := range map[string]string{
		"rep without id":              "insert into rollcall.reps (association_id, member_id, email) values (1, 1, 'cas@example.org')",
		"rep without association":     "insert into rollcall.reps (rep_id, member_id, email) values (3, 1, 'cas@example.org')",
		"group without id":            "insert into rollcall.groups values (1, null, 'Fleet', true)",
		"membership without group":    "insert into rollcall.group_members values (1, null, 2, false)",
		"membership without rep":      "insert into rollcall.group_members values (1, 1, null, false)",
		"options without association": "insert into rollcall.options values (null, 'ConstantContact', true, true, true, '01:00', '04:00', 'UTC')",
		"group without association":   "insert into rollcall.groups values (null, 1, 'Fleet', true)",
	} {
		t.Run(name, func(t *testing.T) {
			sn := snapshot(t, open(t, views("integer"), withoutIDs+row))
			ctx := t.Context()
			none := func(RepRef) error { return nil }
			for what, ask := range map[string]func() error{
				"by association":          func() error { return sn.RefsByAssociation(ctx, "1", none) },
				"by member":               func() error { return sn.RefsByMember(ctx, []string{"1"}, none) },
				"by group":                func() error { return sn.RefsByGroup(ctx, []string{"1"}, none) },
				"associations of a group": func() error { _, err := sn.GroupAssociations(ctx, []string{"1"}); return err },
				"associations":            func() error { _, err := sn.Associations(ctx); return err },
				"groups":                  func() error { _, err := sn.Groups(ctx, "1"); return err },
				"reps":                    func() error { _, err := sn.RepsAt(ctx, "1", nil, []mapper.RepID{"1", "2"}); return err },
			} {
				if err := sn.protected(ctx, ask); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// Where a row without an id may be somebody's, nobody can be told apart from it: it is
// no reason to take anybody off.
func TestARowWithoutAnIDMayBeAnybodys(t *testing.T) {
	s := open(t, views("integer"), withoutIDs+`insert into rollcall.reps (association_id, member_id, email) values (1, 1, 'ann@example.org');
		insert into rollcall.groups values (1, null, 'Fleet', true); insert into rollcall.group_members values (1, null, 2, false)`)
	if got := reads(t, s, "1", []mapper.Address{"ann@example.org", "bob@example.org"}); !slices.Equal(got, []string{"1", "2 group_id", "rep_id"}) {
		t.Errorf("%q", got)
	}
	if groups, err := snapshot(t, s).Groups(t.Context(), "1"); err != nil || len(groups) != 2 || groups[1].ID != "" || groups[1].Sync {
		t.Errorf("%+v, %v", groups, err)
	}
}

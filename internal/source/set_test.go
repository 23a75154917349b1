package source

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/pgtest"
	"rollcall/mapper"
	"rollcall/sql"
)

// chamberDB is a chamber with two associations that have a group each.
func chamberDB(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.Template(t, "chamber", func(ctx context.Context, conn *pgx.Conn) error {
		for _, script := range append(append(sql.Reference(), sql.Contract()...), `
			insert into chamber.association (name) values ('Harbour'), ('Hill');
			insert into chamber.rep_group (association_id, name, sync) values (1, 'Board', false), (1, 'Gala', true), (2, 'Board', false);
			insert into chamber.rep (association_id, first_name, last_name, email) values
				(1, 'Ann', 'Smith', 'ann@example.org'), (1, 'Bob', 'smithson', null), (1, 'Cara', 'van Dyke', null), (1, 'Dan', 'Dyke', null),
				(1, 'Eve', '100% _sure', null), (2, 'Ann', 'Smith', null);`) {
			if _, err := conn.Exec(ctx, script); err != nil {
				return err
			}
		}
		return nil
	})
}

// asRole is the source as Rollcall's own role sees it, which is not the owner.
func asRole(t *testing.T, db *pgtest.DB) *Source {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	Configure(cfg.ConnConfig)
	cfg.ConnConfig.RuntimeParams["role"] = "rollcall"
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s, err := New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func can(t *testing.T, s *Source) bool {
	t.Helper()
	can, err := s.CanSet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return can
}

func TestTicks(t *testing.T) {
	db := chamberDB(t)
	s := asRole(t, db)
	if !can(t, s) {
		t.Fatal("the role may not set ticks")
	}
	if err := s.SetTicks(t.Context(), "1", []mapper.GroupID{"1"}, []mapper.GroupID{"2"}); err != nil {
		t.Fatal(err)
	}
	ticked := func(association string) (ids []mapper.GroupID) {
		t.Helper()
		groups, err := snapshot(t, s).Groups(t.Context(), association)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if g.Sync {
				ids = append(ids, g.ID)
			}
		}
		return ids
	}
	if got := ticked("1"); !slices.Equal(got, []mapper.GroupID{"1"}) {
		t.Errorf("ticked are %v", got)
	}
	// A group of another association is none, and with it nothing is changed.
	err := s.SetTicks(t.Context(), "1", []mapper.GroupID{"2", "3"}, nil)
	if refused, ok := errors.AsType[*RefusedValueError](err); !ok || refused.SQLState != "P0002" {
		t.Errorf("error is %v", err)
	}
	if a, b := ticked("1"), ticked("2"); len(a) != 1 || len(b) != 0 {
		t.Errorf("ticked are %v and %v", a, b)
	}
	if _, ok := errors.AsType[*RefusedValueError](s.SetTicks(t.Context(), "1", []mapper.GroupID{"x"}, nil)); !ok {
		t.Error("a word is taken for a group")
	}
}

func TestOptionsAreSet(t *testing.T) {
	s := asRole(t, chamberDB(t))
	want := mapper.Options{NewsletterSolution: "ConstantContact", SyncAllActive: true, SyncGroups: true, WindowStart: "02:30", WindowEnd: "05:00", TimeZone: "America/Denver"}
	for range 2 { // without a row, and with one
		if err := s.SetOptions(t.Context(), "1", want); err != nil {
			t.Fatal(err)
		}
		if got, err := snapshot(t, s).Options(t.Context(), "1"); err != nil || got != want {
			t.Errorf("options are %+v (%v)", got, err)
		}
		want.SyncMembershipTypes = true
	}
	want.TimeZone = "Nowhere/Here"
	if refused, ok := errors.AsType[*RefusedValueError](s.SetOptions(t.Context(), "1", want)); !ok || refused.SQLState != "22023" {
		t.Errorf("error is %v", refused)
	}
	if _, ok := errors.AsType[*RefusedValueError](s.SetOptions(t.Context(), "77", mapper.Options{WindowStart: "01:00", WindowEnd: "02:00", TimeZone: "UTC"})); !ok {
		t.Error("an association that there is not has options")
	}
}

// A database that does not offer the functions, or not to us, is only looked at.
func TestReadOnly(t *testing.T) {
	for name, statement := range map[string]string{
		"revoked": "revoke execute on function rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text), rollcall.set_group_sync(text, text, boolean) from rollcall",
		"missing": "drop function rollcall.set_options(text, text, boolean, boolean, boolean, text, text, text); drop function rollcall.set_group_sync(text, text, boolean)",
	} {
		t.Run(name, func(t *testing.T) {
			db := chamberDB(t)
			db.Exec(t, statement)
			s := asRole(t, db)
			if can(t, s) {
				t.Error("the role may set ticks")
			}
			if err := s.SetTicks(t.Context(), "1", []mapper.GroupID{"1"}, nil); !errors.Is(err, ErrCannotSet) {
				t.Errorf("error is %v", err)
			}
			if err := s.SetOptions(t.Context(), "1", mapper.Options{}); !errors.Is(err, ErrCannotSet) {
				t.Errorf("error is %v", err)
			}
		})
	}
	if can(t, open(t, views("bigint"))) {
		t.Error("another schema can be set")
	}
}

func TestRepsNamed(t *testing.T) {
	s := asRole(t, chamberDB(t))
	for text, want := range map[string][]mapper.RepID{
		"smith": {"1", "2"}, " SMITHS ": {"2"}, "ann smith": {"1"}, "bob smith": {"2"}, "van dy": {"3"}, "dan dyke": {"4"}, "dyke": {"4"},
		"100%": {"5"}, "1_0": nil, "%": nil, "": nil, "nobody": nil,
	} {
		got, err := s.RepsNamed(t.Context(), "1", text, 10)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q finds %v (%v), want %v", text, got, err, want)
		}
	}
	if got, err := s.RepsNamed(t.Context(), "1", "s", 1); err != nil || len(got) != 1 {
		t.Errorf("found %v (%v), want one", got, err)
	}
}

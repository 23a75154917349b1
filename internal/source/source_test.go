package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/pgtest"
	"rollcall/mapper"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// views stand for the contract views of a database whose ids have some type.
// To Rollcall a table is as good as a view.
func views(id string) string {
	return strings.ReplaceAll(`
create schema rollcall;
create table rollcall.reps (association_id ID, rep_id ID, member_id ID, email text, first_name text, last_name text, company text,
	job_title text, phone text, street text, city text, state text, zip text, country text, active boolean default true,
	member_status text default 'active', membership_types text[], opted_out boolean default false);
create table rollcall.groups (association_id ID, group_id ID, name text, sync boolean);
create table rollcall.group_members (association_id ID, group_id ID, rep_id ID, disabled boolean);
create table rollcall.options (association_id ID, newsletter_solution text, sync_all_active boolean, sync_membership_types boolean,
	sync_groups boolean, window_start text, window_end text, time_zone text);
create table rollcall.watches ("table" text, keys text[], kind text, resolve text);
insert into rollcall.watches values ('public.rep', '{rep_id}', 'rep');`, "ID", id)
}

// open opens a database with these tables as a source.
func open(t *testing.T, statements ...string) *Source {
	t.Helper()
	db := pgtest.Database(t)
	for _, s := range statements {
		db.Exec(t, s)
	}
	s, err := New(t.Context(), configured(t, db.URL))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func configured(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	Configure(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func snapshot(t *testing.T, s *Source) *Snap {
	t.Helper()
	sn, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sn.Close(context.Background()) })
	return sn
}

// reads reads reps at a snapshot of its own as "id problem", in order.
func reads(t *testing.T, s *Source, association string, addresses []mapper.Address, also ...mapper.RepID) []string {
	t.Helper()
	sn, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close(t.Context())
	return reps(t, sn, association, addresses, also...)
}

// reps reads reps as "id problem", in order.
func reps(t *testing.T, sn *Snap, association string, addresses []mapper.Address, also ...mapper.RepID) []string {
	t.Helper()
	found, err := sn.RepsAt(t.Context(), association, addresses, also)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range found {
		out = append(out, strings.TrimSpace(string(r.ID)+" "+r.Unreadable))
	}
	slices.Sort(out)
	return out
}

// Ids are opaque: whatever their type in the views, they are asked for and come
// back as text.
func TestIDsOfAnyType(t *testing.T) {
	for name, c := range map[string]struct {
		kind                            string
		association, rep, member, group string
	}{
		"negative":    {"bigint", "-1", "-9223372036854775808", "-3", "-4"},
		"zero":        {"integer", "0", "0", "0", "0"},
		"numeric":     {"numeric", "1", "12345678901234567890", "3", "4"},
		"uuid":        {"uuid", "00000000-0000-4000-8000-000000000001", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004"},
		"text":        {"text", "Harbour", `a,b "c" {d} \e`, "NULL", "vorstand ü"},
		"varchar":     {"varchar(20)", " ", "", "x'y", "{}"},
		"own domain":  {"key", "1", "2", "3", "4"},
		"fixed width": {`"char"`, "a", "b", "c", "d"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, "create domain key as bigint check (value > 0)", views(c.kind))
			for statement, args := range map[string][]any{
				"insert into rollcall.reps (association_id, rep_id, member_id, email) values ($1, $2, $3, 'Rosa@Example.org ')": {c.association, c.rep, c.member},
				"insert into rollcall.groups values ($1, $2, 'Board', true)":                                                    {c.association, c.group},
				"insert into rollcall.group_members values ($1, $2, $3, false)":                                                 {c.association, c.group, c.rep},
				"insert into rollcall.options values ($1, 'ConstantContact', true, false, true, '01:00', '04:00', null)":        {c.association},
			} {
				if _, err := s.pool.Exec(t.Context(), statement, args...); err != nil {
					t.Fatal(err)
				}
			}
			sn := snapshot(t, s)
			ctx := t.Context()
			want := RepRef{Association: c.association, Rep: mapper.RepID(c.rep), Email: "Rosa@Example.org "}
			for by, find := range map[string]func(func(RepRef) error) error{
				"rep":         func(each func(RepRef) error) error { return sn.RefsByRep(ctx, []string{c.rep}, each) },
				"member":      func(each func(RepRef) error) error { return sn.RefsByMember(ctx, []string{c.member}, each) },
				"group":       func(each func(RepRef) error) error { return sn.RefsByGroup(ctx, []string{c.group}, each) },
				"association": func(each func(RepRef) error) error { return sn.RefsByAssociation(ctx, c.association, each) },
			} {
				var found []RepRef
				if err := find(func(r RepRef) error { found = append(found, r); return nil }); err != nil || !slices.Equal(found, []RepRef{want}) {
					t.Errorf("by %s: %v, %v", by, found, err)
				}
			}
			people, err := sn.RepsAt(ctx, c.association, []mapper.Address{"rosa@example.org"}, nil)
			if err != nil || len(people) != 1 {
				t.Fatalf("%v, %v", people, err)
			}
			if r := people[0]; string(r.ID) != c.rep || string(r.MemberID) != c.member || r.Unreadable != "" || len(r.Groups) != 1 {
				t.Errorf("rep %+v", r)
			}
			if disabled, in := people[0].Groups[mapper.GroupID(c.group)]; disabled || !in {
				t.Errorf("groups %v", people[0].Groups)
			}
			groups, err := sn.Groups(ctx, c.association)
			if err != nil || len(groups) != 1 || string(groups[0].ID) != c.group || !groups[0].Sync {
				t.Errorf("groups %+v, %v", groups, err)
			}
			for what, ask := range map[string]func() ([]string, error){
				"associations":          func() ([]string, error) { return sn.Associations(ctx) },
				"associations of group": func() ([]string, error) { return sn.GroupAssociations(ctx, []string{c.group}) },
			} {
				if ids, err := ask(); err != nil || !slices.Equal(ids, []string{c.association}) {
					t.Errorf("%s: %q, %v", what, ids, err)
				}
			}
			o, err := sn.Options(ctx, c.association)
			if err != nil || !o.SyncAllActive || o.SyncMembershipTypes || o.WindowStart != "01:00" || o.TimeZone != "" {
				t.Errorf("options %+v, %v", o, err)
			}
		})
	}
}

// A row that cannot be used is marked, told of once by its id, and told of no
// more when it is mended.
func TestRowsThatCannotBeUsed(t *testing.T) {
	s := open(t, views("integer"), `alter table rollcall.reps add mailable boolean default true;
		insert into rollcall.reps (association_id, rep_id, email) select 1, n, 'rep' || n || '@example.org' from generate_series(1, 6) n;
		insert into rollcall.reps (association_id, rep_id, email) values (1, 6, 'other@example.org'), (2, 1, 'rep1@example.org');
		update rollcall.reps set active = null where rep_id = 2;
		update rollcall.reps set opted_out = null where rep_id = 3;
		update rollcall.reps set mailable = null where rep_id = 4;
		insert into rollcall.group_members values (1, 1, 5, false), (1, 2, 5, null), (1, 1, 1, true), (1, 1, 1, false), (1, 2, 1, true), (2, 3, 1, false)`)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	all := []mapper.RepID{"1", "2", "3", "4", "5", "6"}

	want := []string{"1", "2 active", "3 opted_out", "4 mailable", "5 disabled", "6 duplicate", "6 duplicate"}
	for range 2 {
		if got := reads(t, s, "1", nil, all...); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// One address is enough to find both rows of a rep that stands there twice.
	if got := reads(t, s, "1", []mapper.Address{"other@example.org"}); !slices.Equal(got, want[5:]) {
		t.Errorf("%q, want %q", got, want[5:])
	}
	for _, id := range all[1:] {
		if n := strings.Count(log.String(), fmt.Sprintf("reps=[%s]", id)); n != 1 {
			t.Errorf("rep %s is told of %d times", id, n)
		}
	}
	if strings.Contains(log.String(), "example.org") {
		t.Errorf("there is an address in the log: %s", &log)
	}

	// A membership that a view shows twice counts if one of them is enabled.
	people, err := snapshot(t, s).RepsAt(t.Context(), "1", nil, all[:1])
	if err != nil || len(people) != 1 || len(people[0].Groups) != 2 || people[0].Groups["1"] || !people[0].Groups["2"] {
		t.Errorf("%+v, %v", people, err)
	}

	log.Reset()
	if _, err := s.pool.Exec(t.Context(), "update rollcall.reps set active = true where rep_id = 2"); err != nil {
		t.Fatal(err)
	}
	if got := reads(t, s, "1", nil, "2"); !slices.Equal(got, []string{"2"}) {
		t.Errorf("mended: %q", got)
	}
	if _, err := s.pool.Exec(t.Context(), "update rollcall.reps set active = null where rep_id = 2"); err != nil {
		t.Fatal(err)
	}
	reads(t, s, "1", nil, "2")
	if strings.Count(log.String(), "reps=[2]") != 1 {
		t.Errorf("spoilt again, it is not told of: %s", &log)
	}
}

// What else is NULL or there twice means as little as can be.
func TestSparseRows(t *testing.T) {
	s := open(t, views("integer"), `
		insert into rollcall.reps (association_id, rep_id, member_status, membership_types) values (1, 1, null, null), (1, 2, 'courtesy', '{Gold,null}');
		insert into rollcall.groups values (1, 1, 'Board', null), (1, 2, null, true), (1, 3, 'Fleet', true), (1, 3, 'Fleet', true);
		insert into rollcall.options values (2, null, null, null, null, null, null, null)`)
	sn := snapshot(t, s)
	people, err := sn.RepsAt(t.Context(), "1", nil, []mapper.RepID{"1", "2"})
	if err != nil || len(people) != 2 || people[0].Email != "" || people[0].MembershipTypes != nil || people[0].MemberStatus != "" ||
		!slices.Equal(people[1].MembershipTypes, []string{"Gold"}) || people[0].NotMailable {
		t.Errorf("%+v, %v", people, err)
	}
	groups, err := sn.Groups(t.Context(), "1")
	if err != nil || len(groups) != 3 {
		t.Fatalf("%+v, %v", groups, err)
	}
	for _, g := range groups {
		if g.Sync != (g.ID == "2") {
			t.Errorf("group %s: sync %t", g.ID, g.Sync)
		}
	}
	for _, association := range []string{"1", "2"} {
		if o, err := sn.Options(t.Context(), association); err != nil || o != (mapper.Options{}) {
			t.Errorf("options of %s: %+v, %v", association, o, err)
		}
	}
	if types, err := sn.Types(t.Context(), "1"); err != nil || !slices.Equal(types, []mapper.MembershipType{{Name: "Gold"}}) {
		t.Errorf("types %v, %v", types, err)
	}
}

// The optional views and column are used where they are, and not missed where
// they are not.
func TestOptionalViews(t *testing.T) {
	rows := "insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'rosa@example.org')"
	people := []mapper.Address{"rosa@example.org", "ulla@xn--bcher-kva.example"}
	without := snapshot(t, open(t, views("integer"), rows))
	if outs, err := without.OptOuts(t.Context(), "1", people); err != nil || outs != nil {
		t.Errorf("without the view: %v, %v", outs, err)
	}
	with := snapshot(t, open(t, views("integer"), rows, `
		alter table rollcall.reps add mailable boolean default false;
		create table rollcall.opt_outs (association_id integer, email text, group_id integer);
		insert into rollcall.opt_outs values (1, E'\tROSA@example.org', null), (1, 'ulla@Bücher.example', -5), (1, 'else@example.org', null), (2, 'rosa@example.org', 9);
		create table rollcall.membership_types (association_id integer, type_id integer, name text);
		insert into rollcall.membership_types values (1, 1, 'Silver'), (1, 2, null), (2, 3, 'Gold')`))
	outs, err := with.OptOuts(t.Context(), "1", people)
	slices.SortFunc(outs, func(a, b OptOut) int { return strings.Compare(string(a.Group), string(b.Group)) })
	if err != nil || !slices.Equal(outs, []OptOut{{"\tROSA@example.org", ""}, {"ulla@Bücher.example", "-5"}}) {
		t.Errorf("%q, %v", outs, err)
	}
	if types, err := with.Types(t.Context(), "1"); err != nil || !slices.Equal(types, []mapper.MembershipType{{ID: "1", Name: "Silver"}}) {
		t.Errorf("types %v, %v", types, err)
	}
	for sn, want := range map[*Snap]bool{without: false, with: true} {
		if found, err := sn.RepsAt(t.Context(), "1", people[:1], nil); err != nil || len(found) != 1 || found[0].NotMailable != want {
			t.Errorf("%+v, %v, want not mailable %t", found, err, want)
		}
	}
}

// Further columns are read as texts, whatever their type; one that is not there is
// missing like one of the contract.
func TestFurtherColumns(t *testing.T) {
	s := open(t, views("integer"), `insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'ann@example.org')`,
		`alter table rollcall.reps add tier text default 'Gold', add "renewal" date default '2026-07-01', add points integer`)
	if _, err := New(t.Context(), s.pool, "tier", "renewals"); err == nil || !strings.Contains(err.Error(), "rollcall.reps.renewals") {
		t.Errorf("a column that is missing: %v", err)
	}
	with, err := New(t.Context(), s.pool, "tier", "renewal", "points")
	if err != nil {
		t.Fatal(err)
	}
	found, err := snapshot(t, with).RepsAt(t.Context(), "1", []mapper.Address{"ann@example.org"}, nil)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if got := found[0].Custom; len(got) != 3 || got["tier"] != "Gold" || got["renewal"] != "2026-07-01" || got["points"] != "" {
		t.Errorf("%q", got)
	}
}

// An international domain is found however the database writes it.
func TestInternationalDomains(t *testing.T) {
	s := open(t, views("integer"), `insert into rollcall.reps (association_id, rep_id, email) values
		(1, 1, 'Rosa@Bücher.example'), (1, 2, E'\x0b rosa@xn--BCHER-kva.example\n'), (1, 3, 'rosa@buecher.example'), (2, 4, 'rosa@bücher.example')`)
	address, problem := mapper.Normalize("rosa@BÜCHER.example")
	if problem != "" {
		t.Fatal(problem)
	}
	if got := reads(t, s, "1", []mapper.Address{address}); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
}

// A database in another encoding cannot be asked for an address that it could not
// hold. Constant Contact may show one; the others are found all the same.
func TestAddressesThatTheEncodingLacks(t *testing.T) {
	db := pgtest.Database(t)
	other := db.Name + "_latin1"
	db.Exec(t, "create database "+other+" encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0")
	t.Cleanup(func() { db.Exec(t, "drop database "+other+" with (force)") })
	pool := configured(t, strings.Replace(db.URL, db.Name, other, 1))
	for _, statement := range []string{
		views("integer"), "create table rollcall.opt_outs (association_id integer, email text, group_id integer)",
		"insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'ann@bäckerei.example'), (1, 2, 'bob@example.org')", "insert into rollcall.opt_outs values (1, 'ann@bäckerei.example')",
	} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	addresses := []mapper.Address{"ann@xn--bckerei-5wa.example", "bob@example.org", "zoe@xn--e1afmkfd.example"} // the last is Cyrillic
	if got := reads(t, s, "1", addresses); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("%q", got)
	}
	if outs, err := snapshot(t, s).OptOuts(t.Context(), "1", addresses); err != nil || len(outs) != 1 {
		t.Errorf("%d opt-outs, want 1; %v", len(outs), err)
	}
}

// Everything of one question is read at one snapshot.
func TestSnapshotStandsStill(t *testing.T) {
	s := open(t, views("integer"), "insert into rollcall.reps (association_id, rep_id, email) values (1, 1, 'rosa@example.org')")
	sn := snapshot(t, s)
	id, err := s.NewTransactionID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(t.Context(), "delete from rollcall.reps"); err != nil {
		t.Fatal(err)
	}
	if got := reps(t, sn, "1", nil, "1"); len(got) != 1 {
		t.Errorf("the snapshot moved: %q", got)
	}
	later, err := s.CurrentSnapshot(t.Context())
	if err != nil || sn.Shows.Visible(id) || !later.Visible(id) {
		t.Errorf("transaction %d: %+v, then %+v, %v", id, sn.Shows, later, err)
	}
	if _, err := sn.tx.Exec(t.Context(), "delete from rollcall.reps"); err == nil {
		t.Error("the member database can be written")
	}
}

// A row that a policy hides from us must not look as if it were gone.
func TestPoliciesFailLoudly(t *testing.T) {
	db := pgtest.Database(t)
	role := pgtest.Slot(t)
	db.Exec(t, views("integer")+`
		insert into rollcall.reps (association_id, rep_id) values (1, 1);
		alter table rollcall.reps enable row level security;
		create role `+role+` login;
		grant usage on schema rollcall to `+role+`;
		grant select on all tables in schema rollcall to `+role)
	t.Cleanup(func() { db.Exec(t, "drop owned by "+role+"; drop role "+role) })
	s, err := New(t.Context(), configured(t, strings.Replace(db.URL, "postgres@", role+"@", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if found, err := snapshot(t, s).RepsAt(t.Context(), "1", nil, []mapper.RepID{"1"}); err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("%v, %v", found, err)
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	db := pgtest.Database(t)
	pool := configured(t, db.URL)
	wantMissing := func(want ...string) {
		t.Helper()
		_, err := New(t.Context(), pool)
		var missing *ContractError
		if !errors.As(err, &missing) || !slices.Equal(missing.Missing, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	wantMissing("rollcall.reps", "rollcall.groups", "rollcall.group_members", "rollcall.options", "rollcall.watches")
	db.Exec(t, views("integer")+"alter table rollcall.reps drop opted_out; alter table rollcall.options rename time_zone to zone; drop table rollcall.groups")
	wantMissing("rollcall.reps.opted_out", "rollcall.groups", "rollcall.options.time_zone")
}

func TestResolve(t *testing.T) {
	s := open(t, views("integer"), "insert into rollcall.reps (association_id, rep_id, member_id, email) values (-1, 0, 7, 'rosa@example.org')")
	sn := snapshot(t, s)
	ids, err := sn.Resolve(t.Context(), "select association_id::text, email from rollcall.reps where member_id = $1 and rep_id = $2", []string{"7", "0"})
	if err != nil || len(ids) != 1 || !slices.Equal(ids[0], []string{"-1", "rosa@example.org"}) {
		t.Errorf("%q, %v", ids, err)
	}
	_, err = sn.Resolve(t.Context(), "select email from reps where rep_id = $1", []string{"0"})
	if err == nil {
		t.Error("a statement without the schema finds a table by the search path")
	}
}

// Anybody may ask by SQL to have any key touched. One that cannot be an id does
// not hold up the others.
func TestKeysThatAreNoIDs(t *testing.T) {
	s := open(t, views("integer"), `insert into rollcall.reps (association_id, rep_id, member_id) select 1, n, n from generate_series(1, 5) n;
		insert into rollcall.groups values (1, 1), (1, 2);
		insert into rollcall.group_members select 1, 1, n from generate_series(1, 5) n`)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	sn := snapshot(t, s)
	ctx := t.Context()
	for what, find := range map[string]func([]string, func(RepRef) error) error{
		"rep":    func(ids []string, each func(RepRef) error) error { return sn.RefsByRep(ctx, ids, each) },
		"member": func(ids []string, each func(RepRef) error) error { return sn.RefsByMember(ctx, ids, each) },
	} {
		found := map[mapper.RepID]bool{}
		log.Reset()
		err := find([]string{"1", "x", "3", "99999999999", "5"}, func(r RepRef) error { found[r.Rep] = true; return nil })
		if err != nil || len(found) != 3 || !found["1"] || !found["3"] || !found["5"] || strings.Count(log.String(), "cannot be an id") != 2 {
			t.Errorf("by %s: %v, %v, %s", what, found, err, &log)
		}
	}
	none := func(r RepRef) error { return fmt.Errorf("found %s", r.Rep) }
	if err := errors.Join(sn.RefsByAssociation(ctx, "x", none), sn.RefsByGroup(ctx, []string{"x"}, none)); err != nil {
		t.Error(err)
	}
	if ids, err := sn.GroupAssociations(ctx, []string{"x", "1", "2"}); err != nil || !slices.Equal(ids, []string{"1"}) {
		t.Errorf("%q, %v", ids, err)
	}
	stop := errors.New("stop")
	if err := sn.RefsByRep(ctx, []string{"1"}, func(RepRef) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v, want the caller's error", err)
	}
}

// A view that fails at a row of its own fails the question: leaving that row
// out would look as if it were gone.
func TestRowsThatCannotBeShown(t *testing.T) {
	s := open(t, views("integer"), `insert into rollcall.reps (association_id, rep_id, member_id, zip) values (1, 1, 1, '12'), (1, 2, 1, 'x');
		alter table rollcall.reps rename to raw;
		create view rollcall.reps as select association_id, rep_id, member_id, zip::integer::text as email, first_name, last_name, company, job_title,
			phone, street, city, state, zip, country, active, member_status, membership_types, opted_out from rollcall.raw`)
	sn := snapshot(t, s)
	ctx := t.Context()
	nothing := func(RepRef) error { return nil }
	if err := sn.RefsByRep(ctx, []string{"1", "y"}, nothing); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"rep":         sn.RefsByRep(ctx, []string{"1", "2", "y"}, nothing),
		"member":      sn.RefsByMember(ctx, []string{"1"}, nothing),
		"association": sn.RefsByAssociation(ctx, "1", nothing),
	} {
		if err == nil || !strings.Contains(err.Error(), "22P02") {
			t.Errorf("by %s: %v", what, err)
		}
	}
}

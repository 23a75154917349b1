package setup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/internal/source"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// member is a database with the reference schema and nothing of ours.
func member(t *testing.T) *pgx.Conn {
	t.Helper()
	return pgtest.Template(t, "member", func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql.Reference()[0])
		return err
	}).Conn(t)
}

func run(t *testing.T, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), text); err != nil {
		t.Fatalf("%.200s: %v", text, err)
	}
}

func apply(t *testing.T, conn *pgx.Conn, c setup.Contract) setup.Result {
	t.Helper()
	r, err := setup.Apply(context.Background(), conn, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// made lists what is in the database, whoever made it, but for the member
// tables themselves.
func made(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var text string
	err := conn.QueryRow(context.Background(), `select coalesce(string_agg(x, E'\n' order by x), '') from (
		select 'schema ' || nspname from pg_namespace where nspname like 'rollcall%'
		union all select 'relation ' || c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname like 'rollcall%'
		union all select 'publication ' || pubname from pg_publication
		union all select 'published ' || schemaname || '.' || tablename from pg_publication_tables
		union all select 'slot ' || slot_name from pg_replication_slots where database = current_database()) x (x)`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestApplyTwiceIsHarmless(t *testing.T) {
	conn := member(t)
	contract := setup.Contract{Slot: pgtest.Slot(t)}
	if r := apply(t, conn, contract); !r.Fresh || !r.SlotCreated || r.MustChoose {
		t.Errorf("the first run says %+v", r)
	}
	run(t, conn, "insert into rollcall.watches values ('chamber.rep', '{rep_id}', 'rep', 'select $1::text')") // by hand
	run(t, conn, "create view rollcall.extra as select 1 as one")
	first := made(t, conn)
	var watches int
	if r := apply(t, conn, contract); r.Fresh || r.SlotCreated {
		t.Errorf("the second run says %+v", r)
	}
	if second := made(t, conn); second != first {
		t.Errorf("after the second run:\n%s\nafter the first:\n%s", second, first)
	}
	if err := conn.QueryRow(t.Context(), "select count(*) from rollcall.watches").Scan(&watches); err != nil || watches != 10 {
		t.Errorf("%d watches, want the nine of the reference and the one made by hand; %v", watches, err)
	}
}

const (
	clubTables = `create schema club;
		create table club.person (id uuid primary key default gen_random_uuid(), mail text, gone boolean not null default false);
		create table club.circle (id integer primary key, title text not null);
		create table club.in_circle (circle integer, person uuid, primary key (circle, person));`
	clubViews = `create schema rollcall;
		create view rollcall.reps as select '1'::text as association_id, id as rep_id, id as member_id, mail as email, null::text as first_name, null::text as last_name,
			null::text as company, null::text as job_title, null::text as phone, null::text as street, null::text as city, null::text as state, null::text as zip, null::text as country,
			true as active, 'active' as member_status, '{}'::text[] as membership_types, gone as opted_out from club.person;
		create view rollcall.groups as select '1'::text as association_id, id as group_id, title as name, true as sync from club.circle;
		create view rollcall.group_members as select '1'::text as association_id, circle as group_id, person as rep_id, false as disabled from club.in_circle;
		create view rollcall.options as select '1'::text as association_id, 'ConstantContact' as newsletter_solution, true as sync_all_active, false as sync_membership_types,
			true as sync_groups, '01:00' as window_start, '04:00' as window_end, 'UTC' as time_zone;`
	clubWatches = `insert into rollcall.watches values ('club.person', '{id}', 'rep', null), ('club.circle', '{id}', 'group', null), ('club.in_circle', '{person}', 'rep', null);`
)

func club() setup.Contract {
	return setup.Contract{Views: clubViews, Watches: clubWatches, OnRemoved: "remove"}
}

func TestApplyAnotherSchema(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	if r := apply(t, conn, club()); !r.MustChoose {
		t.Error("nobody can be disabled, but nothing is to be chosen")
	}
	// Other columns in other places, and a view that was dropped by mistake.
	changed := club()
	changed.Views = strings.Replace(changed.Views, "'1'::text as association_id, id as group_id, title as name", "'1'::text as association_id, title as name, id as group_id", 1)
	apply(t, conn, changed)
	run(t, conn, "create view rollcall.extra as select 1 as one")
	if _, err := setup.Apply(t.Context(), conn, club()); err == nil || !strings.Contains(err.Error(), "drop view rollcall.extra") {
		t.Errorf("a view that the file does not make: %v", err)
	}
}

func TestOnRemovedMustBeChosen(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	before := made(t, conn)
	for disabled, choose := range map[string]bool{
		"false":                true,
		"null::boolean":        true,
		"circle = 0":           false,
		"false and circle = 0": true,
	} {
		contract := club()
		contract.OnRemoved = ""
		contract.Views = strings.Replace(contract.Views, "false as disabled", disabled+" as disabled", 1)
		_, err := setup.Try(t.Context(), conn, contract)
		if errors.Is(err, setup.ErrChoose) != choose || err != nil && !choose {
			t.Errorf("disabled is %s: %v", disabled, err)
		}
	}
	both := club()
	both.OnRemoved = ""
	both.Views = strings.Replace(both.Views, "from club.in_circle", "from club.in_circle union select '1', circle, person, false from club.in_circle", 1)
	if _, err := setup.Try(t.Context(), conn, both); !errors.Is(err, setup.ErrChoose) {
		t.Errorf("a union of memberships that cannot be disabled: %v", err)
	}
	if after := made(t, conn); after != before {
		t.Errorf("a trial left behind:\n%s", after)
	}
}

// What init refuses leaves nothing behind, and names the table and the remedy.
func TestApplyRefusesWhatWouldBreakTheApplication(t *testing.T) {
	for name, c := range map[string]struct{ tables, code, want string }{
		"no key":         {"alter table club.person drop constraint person_pkey", "55000", "club.person.*primary key.*replica identity using index"},
		"no identity":    {"alter table club.circle replica identity nothing", "55000", "club.circle.*replica identity using index"},
		"deferrable key": {"alter table club.circle drop constraint circle_pkey, add primary key (id) deferrable", "55000", "club.circle"},
		"unlogged":       {"alter table club.circle set unlogged", "42809", "club.circle.*set logged"},
		"a partition without a key": {`drop table club.circle; create table club.circle (id integer primary key, title text) partition by range (id);
			create table club.circle_1 partition of club.circle for values from (0) to (9); alter table club.circle_1 replica identity nothing`, "55000", "club.circle_1"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := pgtest.Database(t).Conn(t)
			run(t, conn, clubTables)
			run(t, conn, c.tables)
			contract := club()
			contract.Slot = pgtest.Slot(t)
			_, err := setup.Apply(t.Context(), conn, contract)
			var refused *setup.RefusedError
			if !errors.As(err, &refused) || refused.Code != c.code {
				t.Fatalf("error %v, want SQLSTATE %s", err, c.code)
			}
			for part := range strings.SplitSeq(c.want, ".*") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if after := made(t, conn); after != "" {
				t.Errorf("left behind:\n%s", after)
			}
		})
	}
}

// What the database is set to changes nothing of what init makes.
func TestApplyWhateverTheDatabaseIsSetTo(t *testing.T) {
	for _, setting := range []string{
		"standard_conforming_strings = off", "quote_all_identifiers = on", "default_transaction_isolation = serializable", "default_transaction_deferrable = on",
		"array_nulls = off", "transform_null_equals = on", "datestyle = German", "check_function_bodies = off", "search_path = public, pg_catalog", "row_security = off",
	} {
		for how, byTriggers := range map[string]bool{"by replication": false, "by triggers": true} {
			t.Run(setting+" "+how, func(t *testing.T) {
				db := pgtest.Database(t)
				run(t, db.Conn(t), clubTables+"alter database "+db.Name+" set "+setting)
				contract := club()
				contract.Triggers = byTriggers
				contract.Watches += "insert into rollcall.watches values ('club.circle', '{id}', 'rep', 'select rep_id::text from rollcall.group_members where group_id = $1');"
				apply(t, db.Conn(t), contract)
			})
		}
	}
}

func TestApplyRefusesBadFiles(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables+"create table club.visit (id integer primary key) partition by list (id); create table club.visit_1 partition of club.visit default")
	edit := func(old, with string) setup.Contract {
		c := club()
		c.Views, c.Watches = strings.Replace(c.Views, old, with, 1), strings.Replace(c.Watches, old, with, 1)
		return c
	}
	var missing *source.ContractError
	var watch *setup.WatchError
	for name, c := range map[string]struct {
		contract setup.Contract
		as       func(error) bool
	}{
		"a commit": {edit("create schema rollcall;", "commit;"), func(err error) bool { return errors.Is(err, setup.ErrTransaction) }},
		"no column sync": {edit(", true as sync from", " from"), func(err error) bool {
			return errors.As(err, &missing) && slices.Contains(missing.Missing, "rollcall.groups.sync")
		}},
		"no watches": {setup.Contract{Views: clubViews, OnRemoved: "keep"}, func(err error) bool { return strings.Contains(err.Error(), "has no rows") }},
		"a partition of a watched table": {edit("('club.in_circle'", "('club.visit', '{id}', 'rep', null), ('club.visit_1', '{id}', 'rep', null), ('club.in_circle'"), func(err error) bool {
			return strings.Contains(err.Error(), "publish club.visit_1: it is a partition of club.visit, which is watched too")
		}},
		"a column that is missing": {edit("'{person}', 'rep'", "'{persn}', 'rep'"), func(err error) bool { return strings.Contains(err.Error(), "no column persn") }},
		"resolve may not read": {edit("'{id}', 'group', null", "'{id}', 'group', 'select id from club.circle where id::text = $1'"), func(err error) bool {
			return errors.As(err, &watch) && watch.Kind == "refused" && strings.Contains(err.Error(), "42501")
		}},
		"resolve of two columns":  {edit("'{id}', 'group', null", "'{id}', 'group', 'select group_id, name from rollcall.groups where name = $1'"), func(err error) bool { return errors.As(err, &watch) && watch.Kind == "columns" }},
		"resolve without the key": {edit("'{id}', 'group', null", "'{id}', 'group', 'select group_id from rollcall.groups'"), func(err error) bool { return errors.As(err, &watch) && watch.Kind == "parameters" }},
	} {
		_, err := setup.Apply(t.Context(), conn, c.contract)
		if err == nil || !c.as(err) {
			t.Errorf("%s: %v", name, err)
		}
		if after := made(t, conn); after != "" {
			t.Errorf("%s left behind:\n%s", name, after)
		}
	}
}

// The slot is the one part that is no part of the transaction. Where it does
// not come about, the rest is taken back.
func TestApplyTakesBackWithoutASlot(t *testing.T) {
	conn := member(t)
	slot := pgtest.Slot(t)
	other := pgtest.Database(t)
	other.Exec(t, "select pg_create_logical_replication_slot($1, 'pgoutput')", slot) // belongs to another database
	if _, err := setup.Apply(t.Context(), conn, setup.Contract{Slot: slot}); !errors.Is(err, cdc.ErrSlotForeign) {
		t.Fatalf("error %v, want %v", err, cdc.ErrSlotForeign)
	}
	if after := made(t, conn); after != "" {
		t.Errorf("left behind:\n%s", after)
	}
	// What was there before stays.
	apply(t, conn, setup.Contract{})
	before := made(t, conn)
	if _, err := setup.Apply(t.Context(), conn, setup.Contract{Slot: slot}); !errors.Is(err, cdc.ErrSlotForeign) {
		t.Fatalf("error %v, want %v", err, cdc.ErrSlotForeign)
	}
	if after := made(t, conn); after != before {
		t.Errorf("changed to:\n%s\nfrom:\n%s", after, before)
	}
}

func TestApplyRefusesAServerThatCannotBeFollowed(t *testing.T) {
	server := pgtest.Server(t, map[string]string{"wal_level": "replica"})
	conn := (&pgtest.DB{URL: server.URL("postgres")}).Conn(t)
	run(t, conn, clubTables)
	contract := club()
	contract.Slot = "rollcall"
	if _, err := setup.Apply(t.Context(), conn, contract); !errors.Is(err, cdc.ErrWALLevel) {
		t.Errorf("error %v, want %v", err, cdc.ErrWALLevel)
	}
	if after := made(t, conn); after != "" {
		t.Errorf("left behind:\n%s", after)
	}
}

// statements takes a script apart as psql does. Bodies are between $do$.
func statements(script string) (all []string) {
	statement := ""
	for part := range strings.SplitAfterSeq(script, ";\n") {
		if statement += part; strings.Count(statement, "$do$")%2 == 0 {
			all = append(all, statement)
			statement = ""
		}
	}
	return append(all, statement)
}

// The printed script does what Apply does, also the second time.
func TestScriptDoesWhatApplyDoes(t *testing.T) {
	applied := member(t)
	apply(t, applied, setup.Contract{})
	conn := member(t)
	contract := setup.Contract{Slot: pgtest.Slot(t)}
	script, err := contract.Script()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before, slot, found := strings.Cut(script, "-- ---- the slot ----")
		if !found {
			t.Fatal("the script makes no slot")
		}
		run(t, conn, before)
		// psql sends statement by statement; a slot cannot be made where something was written.
		for _, statement := range statements(slot) {
			run(t, conn, statement)
		}
	}
	want := made(t, applied) + "\nslot " + contract.Slot
	if got := made(t, conn); got != want {
		t.Errorf("the script made:\n%s\nwant:\n%s", got, want)
	}
}

// A table that inherits from a watched one is published when it is watched
// itself, with its own identity. Until then its UPDATE is nobody's business.
func TestInheritedTablesAreTablesOfTheirOwn(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	run(t, conn, "create table club.choir (voices integer) inherits (club.circle); insert into club.choir values (7, 'Choir', 4)")
	published := func() (names []string) {
		t.Helper()
		rows, _ := conn.Query(t.Context(), "select tablename::text from pg_publication_tables where pubname = 'rollcall' and schemaname = 'club' order by 1")
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	apply(t, conn, club())
	run(t, conn, "update club.choir set voices = 5")
	if got := published(); slices.Contains(got, "choir") {
		t.Errorf("published: %v", got)
	}

	run(t, conn, "alter table club.choir add primary key (id)")
	contract := club()
	contract.Watches += " insert into rollcall.watches values ('club.choir', '{id}', 'group', null);"
	for range 2 { // made, and changed
		apply(t, conn, contract)
		if got := published(); !slices.Equal(got, []string{"choir", "circle", "in_circle", "person"}) {
			t.Errorf("published: %v", got)
		}
	}
	run(t, conn, "update club.choir set voices = 6")
}

// An application's UPDATE works on every table that init has published.
func TestApplicationGoesOn(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	run(t, conn, `alter table club.in_circle add note text not null default ''; create unique index in_circle_note on club.in_circle (person, circle, note);
		alter table club.in_circle replica identity using index in_circle_note; alter table club.circle replica identity full`)
	apply(t, conn, club())
	run(t, conn, `insert into club.person (mail) values ('ann@example.org'); insert into club.circle values (1, 'Choir'); insert into club.in_circle select 1, id from club.person`)
	for _, table := range []string{"person set mail = 'bea@example.org'", "circle set title = 'Band'", "in_circle set note = 'x'"} {
		run(t, conn, "update club."+table)
	}
	for _, table := range []string{"in_circle", "circle", "person"} {
		run(t, conn, fmt.Sprintf("delete from club.%s", table))
	}
}

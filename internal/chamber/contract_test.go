package chamber_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/sql"
)

func run(t *testing.T, conn *pgx.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := conn.Exec(context.Background(), text); err != nil {
			t.Fatalf("%.200s: %v", text, err)
		}
	}
}

// column collects a query's only column.
func column[T any](t *testing.T, conn *pgx.Conn, query string, args ...any) []T {
	t.Helper()
	rows, err := conn.Query(context.Background(), query, args...)
	if err != nil {
		t.Fatalf("%.200s: %v", query, err)
	}
	values, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%.200s: %v", query, err)
	}
	return values
}

// sqlState is the SQLSTATE with which a statement fails, empty when it does not.
func sqlState(conn *pgx.Conn, statement string, args ...any) string {
	_, err := conn.Exec(context.Background(), statement, args...)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func TestReferenceRunsOnce(t *testing.T) {
	conn := database(t)
	equal(t, "second run", sqlState(conn, sql.Reference()[0]), "42P06") // duplicate schema
}

func TestContractRunsTwice(t *testing.T) {
	conn := database(t)
	watches := column[string](t, conn, `select w::text from rollcall.watches w order by 1`)
	run(t, conn, sql.Contract()...)
	equal(t, "watches", column[string](t, conn, `select w::text from rollcall.watches w order by 1`), watches)
}

func TestEverythingHasAComment(t *testing.T) {
	conn := database(t)
	bare := column[string](t, conn, `
		select c.oid::regclass::text from pg_class c
		where c.relnamespace in ('chamber'::regnamespace, 'rollcall'::regnamespace) and c.relkind in ('r', 'v') and obj_description(c.oid, 'pg_class') is null
		union all
		select c.oid::regclass || '.' || a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where c.relnamespace in ('chamber'::regnamespace, 'rollcall'::regnamespace) and c.relkind = 'r' and col_description(c.oid, a.attnum) is null
		union all
		select nspname from pg_namespace where nspname in ('chamber', 'rollcall', 'rollcall_state') and obj_description(oid, 'pg_namespace') is null
		union all
		select oid::regprocedure::text from pg_proc where pronamespace = 'rollcall'::regnamespace and obj_description(oid, 'pg_proc') is null`)
	if len(bare) > 0 {
		t.Errorf("without a comment: %s", strings.Join(bare, ", "))
	}
}

func TestViewsHaveTheContractsColumns(t *testing.T) {
	conn := database(t)
	got := column[string](t, conn, `
		select c.relname || ': ' || string_agg(a.attname || ' ' || format_type(a.atttypid, null), ', ' order by a.attnum)
		from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where c.relnamespace = 'rollcall'::regnamespace and c.relkind in ('v', 'r') group by c.relname order by c.relname`)
	equal(t, "columns", got, []string{
		"group_members: association_id bigint, group_id bigint, rep_id bigint, disabled boolean",
		"groups: association_id bigint, group_id bigint, name text, sync boolean",
		"membership_types: association_id bigint, type_id bigint, name text",
		"opt_out_addresses: opt_out_id bigint, association_id bigint, email text",
		"opt_outs: association_id bigint, email text, group_id bigint",
		"options: association_id bigint, newsletter_solution text, sync_all_active boolean, sync_membership_types boolean, sync_groups boolean, window_start text, window_end text, time_zone text",
		"reps: association_id bigint, rep_id bigint, member_id bigint, email text, first_name text, last_name text, company text, job_title text, phone text, street text, city text, state text, zip text, country text, active boolean, member_status text, membership_types text[], opted_out boolean",
		"watches: table text, keys text[], kind text, resolve text",
	})
}

func TestViewsShowWhatTheTablesHold(t *testing.T) {
	conn := database(t)
	run(t, conn, tiny)
	equal(t, "types of members", column[string](t, conn, "select distinct array_to_string(membership_types, '+') from rollcall.reps order by 1"),
		[]string{"", "Gold", "Gold+Silver", "Silver"})
	equal(t, "rep without a member", column[bool](t, conn, "select member_status is null and company is null and member_id is null from rollcall.reps where email like 'prospect%'"), []bool{true})
	equal(t, "standing opt-outs", column[int64](t, conn, "select count(*) from rollcall.opt_outs"), []int64{4})
	equal(t, "window", column[string](t, conn, "select distinct window_start || '-' || window_end || ' ' || time_zone from rollcall.options"), []string{"01:00-04:00 America/Chicago"})
	equal(t, "a new group is ticked", column[bool](t, conn, "insert into chamber.rep_group (association_id, name) values (1, 'New') returning sync"), []bool{true})
}

func TestEveryTableBehindAViewIsWatched(t *testing.T) {
	conn := database(t)
	unwatched := column[string](t, conn, `
		select distinct t.oid::regclass::text
		from pg_class v
		join pg_rewrite r on r.ev_class = v.oid
		join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
		join pg_class t on t.oid = d.refobjid and t.relkind = 'r'
		where v.relnamespace = 'rollcall'::regnamespace
		  and not exists (select from rollcall.watches where "table" = t.oid::regclass::text)`)
	if len(unwatched) > 0 {
		t.Errorf("not watched: %v", unwatched)
	}
}

// What a key is resolved to, by the role that does it.
func TestResolveStatements(t *testing.T) {
	conn := database(t)
	run(t, conn, tiny, "set role rollcall")
	got := map[string]string{}
	for _, table := range column[string](t, conn, `select "table" from rollcall.watches where resolve is not null`) {
		resolve := column[string](t, conn, `select resolve from rollcall.watches where "table" = $1`, table)[0]
		rows, err := conn.Query(context.Background(), resolve, "4") // keys come as text
		if err != nil {
			t.Fatal(err)
		}
		answers, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
			values, err := row.Values()
			return fmt.Sprint(values...), err
		})
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		got[table] = strings.Join(answers, "; ")
	}
	equal(t, "answers", got, map[string]string{"chamber.membership_type": "3", "chamber.opt_out": "1back@example.org"}) // withdrawn
}

func TestWatchesRefuseWhatCannotWork(t *testing.T) {
	conn := database(t)
	for _, c := range []struct {
		values string
		code   string
	}{
		{"'s.t', '{id}', 'rep', null", ""},
		{"'s.t', '{id}', 'rep', 'select 1::text'", ""}, // a second watch with the same key
		{"'s.t', '{}', 'all', null", ""},
		{"'s.t', '{a,b}', 'address', 'select a, b from rollcall.x where a = $1 and b = $2'", ""},
		{"'s.t', '{id}', 'rep', null", "23505"},
		{"'t', '{id}', 'rep', null", "23514"},
		{"'s.t', '{id}', 'person', null", "23514"},
		{"'s.t', '{a,b}', 'rep', null", "23514"},
		{"'s.t', '{}', 'rep', null", "23514"},
		{"'s.t', '{}', 'rep', 'select 1'", "23514"},
		{"'s.t', '{id}', 'all', null", "23514"},
		{"'s.t', '{id}', 'address', null", "23514"},
		{"'s.t', array[null], 'rep', null", "23514"},
		{"'s.t', '{id}', 'rep', 'delete from x'", "23514"},
	} {
		equal(t, c.values, sqlState(conn, "insert into rollcall.watches values ("+c.values+")"), c.code)
	}
}

func TestRoleMayOnlyWhatItNeeds(t *testing.T) {
	conn := database(t)
	equal(t, "attributes", column[string](t, conn, `select concat_ws(' ', rolcanlogin, rolreplication, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls)
		from pg_roles where rolname = 'rollcall'`), []string{"t t f f f f"})
	equal(t, "memberships", column[int64](t, conn, "select count(*) from pg_auth_members where member = 'rollcall'::regrole"), []int64{0})

	// Everything that is not the server's own, with each privilege on it.
	equal(t, "relations", column[string](t, conn, `
		select c.oid::regclass || ' ' || string_agg(p, ',')
		from pg_class c, unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) p
		where c.relnamespace in ('chamber'::regnamespace, 'rollcall'::regnamespace) and c.relkind in ('r', 'v') and has_table_privilege('rollcall', c.oid, p)
		group by c.oid order by 1`), []string{
		"rollcall.group_members select", "rollcall.groups select", "rollcall.membership_types select", "rollcall.opt_out_addresses select",
		"rollcall.opt_outs select", "rollcall.options select", "rollcall.reps select", "rollcall.watches select",
	})
	equal(t, "functions", column[string](t, conn, "select oid::regprocedure::text from pg_proc where pronamespace = 'rollcall'::regnamespace and has_function_privilege('rollcall', oid, 'execute') order by 1"), []string{
		"rollcall.set_group_sync(text,text,boolean)", "rollcall.set_options(text,text,boolean,boolean,boolean,text,text,text)",
	})
	// Before server 15 everybody may create in public; that is not ours to change.
	equal(t, "schemas", column[string](t, conn, `select nspname || ' ' || string_agg(p, ',' order by p)
		from pg_namespace, unnest(array['create', 'usage']) p
		where nspname !~ '^pg_|^information_schema$|^public$' and has_schema_privilege('rollcall', oid, p) group by nspname order by nspname`),
		[]string{"rollcall usage", "rollcall_state create,usage"})

	run(t, conn, "set role rollcall", "table rollcall.reps", "create table rollcall_state.x ()")
	for _, forbidden := range []string{
		"table chamber.rep", "delete from rollcall.watches", "update rollcall.groups set sync = true",
		"create table rollcall.x ()", "create table chamber.x ()", "select rollcall.touch('rep', '1')", "create schema more",
	} {
		equal(t, forbidden, sqlState(conn, forbidden), "42501")
	}
}

// columnLists says whether the server knows column lists: since 15.
func columnLists(t *testing.T, conn *pgx.Conn) bool {
	t.Helper()
	return column[bool](t, conn, "select current_setting('server_version_num')::integer >= 150000")[0]
}

func TestPublicationCarriesKeysOnly(t *testing.T) {
	conn := database(t)
	columns := `select schemaname || '.' || tablename || ' ' || array_to_string(attnames, ',')
		from pg_publication_tables where pubname = 'rollcall' order by schemaname collate "C", tablename collate "C"`
	lists := columnLists(t, conn)
	if !lists {
		columns = strings.Replace(columns, "array_to_string(attnames, ',')", "'*'", 1)
	}
	check := func(what string, want []string) {
		t.Helper()
		if !lists {
			want = slices.Clone(want)
			for i, line := range want {
				want[i] = line[:strings.LastIndexByte(line, ' ')] + " *"
			}
		}
		equal(t, what, column[string](t, conn, columns), want)
	}
	want := []string{
		"chamber.association association_id",
		"chamber.group_membership group_id,rep_id",
		"chamber.member member_id",
		"chamber.member_type member_id,membership_type_id",
		"chamber.membership_type membership_type_id",
		"chamber.opt_out opt_out_id",
		"chamber.rep rep_id",
		"chamber.rep_group group_id",
		"chamber.sync_options association_id",
		"rollcall.watches table,keys,kind,resolve",
	}
	check("columns", want)
	equal(t, "settings", column[string](t, conn, "select concat_ws(' ', puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot) from pg_publication where pubname = 'rollcall'"), []string{"f t t t t t"})

	// Other identities, odd names, a partitioned table.
	run(t, conn, `create schema "Odd"`,
		`create table "Odd"."Whole row" (id int, x text)`, `alter table "Odd"."Whole row" replica identity full`,
		`create table "Odd"."By index" (id int primary key, "order" int not null unique, x text)`,
		`alter table "Odd"."By index" replica identity using index "By index_order_key"`,
		`create table "Odd".parts (id int primary key, rep int, x text) partition by range (id)`,
		`create table "Odd".part1 partition of "Odd".parts for values from (1) to (9)`,
		`insert into rollcall.watches values ('Odd.Whole row', '{id}', 'rep', null), ('Odd.By index', '{id}', 'rep', null), ('Odd.parts', '{rep}', 'rep', null)`,
		sql.Contract()[3])
	check("columns with other tables", append([]string{"Odd.By index id,order", "Odd.Whole row id,x", "Odd.parts id,rep"}, want...))

	run(t, conn, "delete from rollcall.watches where \"table\" like 'Odd.%'", sql.Contract()[3])
	check("columns without them", want)
}

func TestPublicationRefusesWhatWouldBreakTheApplication(t *testing.T) {
	conn := database(t)
	run(t, conn, "create table public.no_key (id int)", "create table public.no_identity (id int primary key)", "alter table public.no_identity replica identity nothing")
	for table, code := range map[string]string{"public.no_key": "55000", "public.no_identity": "55000", "public.missing": "42P01", "chamber.rep": "42703"} {
		run(t, conn, fmt.Sprintf("insert into rollcall.watches values ('%s', '{id}', 'rep', null)", table))
		equal(t, table, sqlState(conn, sql.Contract()[3]), code)
		run(t, conn, fmt.Sprintf("delete from rollcall.watches where \"table\" = '%s' and keys = '{id}'", table))
	}
}

func TestUninstallLeavesNothing(t *testing.T) {
	conn := database(t)
	slot := slotFor(t, conn)
	equal(t, "with a slot", sqlState(conn, sql.Uninstall()), "55006")
	run(t, conn, fmt.Sprintf("select pg_drop_replication_slot('%s')", slot))

	run(t, conn, sql.Uninstall())
	equal(t, "schemas", column[string](t, conn, "select nspname::text from pg_namespace where nspname like 'rollcall%'"), []string{})
	equal(t, "publications", column[string](t, conn, "select pubname::text from pg_publication"), []string{})
	if tables := column[string](t, conn, "select relname::text from pg_class where relnamespace = 'chamber'::regnamespace and relkind = 'r'"); !slices.Contains(tables, "rep") {
		t.Error("the member tables are gone")
	}
	run(t, conn, sql.Contract()...) // and again
}

package check_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/chamber"
	"rollcall/internal/check"
	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// installation is a member database with the reference schema, a chamber that
// is large enough for indexes to matter, and what init makes.
type installation struct {
	*pgtest.DB
	t     *testing.T
	slot  string
	major int
	cfg   check.Config
}

func install(t *testing.T) *installation {
	t.Helper()
	return installed(t, pgtest.Template(t, "installation", build))
}

func build(ctx context.Context, conn *pgx.Conn) error {
	return buildFor(ctx, conn, setup.Contract{})
}

func buildFor(ctx context.Context, conn *pgx.Conn, contract setup.Contract) error {
	for _, text := range sql.Reference() {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	if _, err := setup.Apply(ctx, conn, contract); err != nil {
		return err
	}
	if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 4, Associations: 1, Reps: 1500, Groups: 12}); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "analyze")
	return err
}

func installed(t *testing.T, db *pgtest.DB) *installation {
	t.Helper()
	in := &installation{DB: db, t: t, slot: pgtest.Slot(t)}
	db.Exec(t, "select pg_create_logical_replication_slot($1, 'pgoutput')", in.slot)
	in.cfg = check.Config{
		Source: as(t, db.URL, "rollcall"), Name: "chamber", Slot: in.slot, Publication: "rollcall", KeepRemoved: true, Now: time.Now,
		Connections: []check.Connection{{Association: "1"}},
	}
	return in
}

// as is a database's configuration for another user.
func as(t *testing.T, address, user string) *pgx.ConnConfig {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(user)
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// version is the server's, such as 15.
func (in *installation) version() int {
	in.t.Helper()
	if in.major == 0 {
		if err := in.Conn(in.t).QueryRow(context.Background(), "select current_setting('server_version_num')::integer / 10000").Scan(&in.major); err != nil {
			in.t.Fatal(err)
		}
	}
	return in.major
}

// found runs the check and returns the names, each once.
func (in *installation) found() []string {
	in.t.Helper()
	report := check.Run(context.Background(), in.cfg)
	names := []string{}
	for _, f := range report.Findings {
		in.t.Logf("%s %s %s %s: %s → %s", f.Category, f.Severity, f.Name, f.Object, f.Text, f.Fix)
		if f.Text == "" || f.Fix == "" {
			in.t.Errorf("%s says not what is wrong, or not what mends it", f.Name)
		}
		// That server 14 publishes whole rows is always said.
		if f.Name != "whole_rows_published" || in.version() > 14 {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (in *installation) want(names ...string) {
	in.t.Helper()
	slices.Sort(names)
	if got := in.found(); !slices.Equal(got, names) {
		in.t.Errorf("found %v, want %v", got, names)
	}
}

func TestReferenceHasNoFindings(t *testing.T) { install(t).want() }

// replaceView changes the text of one of the views.
func (in *installation) replaceView(view, old, with string) {
	in.t.Helper()
	text := sql.Contract()[1]
	_, text, _ = strings.Cut(text, "create or replace view rollcall."+view+" as")
	text, _, _ = strings.Cut(text, ";")
	if !strings.Contains(text, old) {
		in.t.Fatalf("the view %s has no %q", view, old)
	}
	in.Exec(in.t, fmt.Sprintf("begin; create temporary table grants on commit drop as select 1; drop view rollcall.%[1]s; create view rollcall.%[1]s as %[2]s; grant select on rollcall.%[1]s to rollcall; commit",
		view, strings.Replace(text, old, with, 1)))
}

// refused runs a statement of the application, which the server refuses so.
func (in *installation) refused(statement, sqlState string) {
	in.t.Helper()
	var pgErr *pgconn.PgError
	if _, err := in.Conn(in.t).Exec(in.t.Context(), statement); !errors.As(err, &pgErr) || pgErr.Code != sqlState {
		in.t.Errorf("%s: %v, want SQLSTATE %s", statement, err, sqlState)
	}
}

// extension makes an extension, which not every server has.
func (in *installation) extension(name string) {
	in.t.Helper()
	var there bool
	if err := in.Conn(in.t).QueryRow(in.t.Context(), "select exists (select from pg_available_extensions where name = $1)", name).Scan(&there); err != nil {
		in.t.Fatal(err)
	}
	if !there {
		in.t.Skipf("this server has no %s", name)
	}
	in.Exec(in.t, "create extension "+name+" schema public")
}

// seeds are ways to get an installation wrong, by the finding.
var seeds = []struct {
	name  string // of the finding, and of the seed where there are several
	since int    // version of the server
	until int
	sql   string
	seed  func(*installation)
	also  []string // findings that come with it
}{
	// Replication.
	{name: "role_not_replication", sql: "alter role rollcall noreplication"},
	{name: "publication_missing", sql: "drop publication rollcall"},
	{name: "publication_operations", sql: "alter publication rollcall set (publish = 'insert, update')"},
	{name: "publication_all_tables", sql: "drop publication rollcall; create publication rollcall for all tables"},
	{name: "table_not_published", sql: "alter publication rollcall drop table chamber.rep"},
	{name: "table_not_published/watches", sql: "alter publication rollcall drop table rollcall.watches"},
	{name: "column_not_published", since: 15, sql: "insert into rollcall.watches values ('chamber.member', '{association_id}', 'association', null)", also: []string{"key_not_in_identity"}},
	{name: "publication_too_wide", since: 15, sql: "alter publication rollcall drop table chamber.rep; alter publication rollcall add table chamber.rep (rep_id, email)"},
	{name: "publication_too_wide/no list", since: 15, sql: "alter publication rollcall drop table chamber.rep; alter publication rollcall add table chamber.rep"},
	{name: "published_unwatched", sql: "create table chamber.note (id bigint primary key, text text); alter publication rollcall add table chamber.note"},
	{name: "identity_missing", sql: "alter table chamber.rep replica identity nothing"},
	{name: "identity_missing/key dropped", sql: "alter table chamber.sync_options drop constraint sync_options_pkey"},
	{name: "identity_not_published", since: 15, sql: "alter table chamber.rep replica identity full"},
	{name: "identity_not_published/other index", since: 15, sql: "alter table chamber.rep replica identity using index rep_association_id_rep_id_key"},
	{name: "identity_not_published/a list of all columns", since: 15, sql: "create table chamber.tag (rep_id bigint, tag bigint, primary key (rep_id, tag)); insert into chamber.tag values (1, 1); insert into rollcall.watches values ('chamber.tag', '{rep_id}', 'rep', null);" +
		sql.Contract()[3] + "alter table chamber.tag replica identity full", seed: func(in *installation) { in.refused("delete from chamber.tag", "42P10") }},
	{name: "identity_full", sql: "alter publication rollcall drop table chamber.rep; alter table chamber.rep replica identity full; alter publication rollcall add table chamber.rep"},
	{name: "row_filter", since: 15, sql: "alter publication rollcall drop table chamber.rep; alter publication rollcall add table chamber.rep (rep_id) where (rep_id > 5)"},
	{name: "key_not_in_identity", sql: "insert into rollcall.watches values ('chamber.rep', '{association_id}', 'association', null);" + sql.Contract()[3]},
	{name: "key_not_in_identity/null", sql: "insert into rollcall.watches values ('chamber.rep', '{member_id}', 'member', null);" + sql.Contract()[3]},
	{name: "partition_root", sql: partitioned + "alter table chamber.visit drop note; alter publication rollcall drop table chamber.visit; alter publication rollcall set (publish_via_partition_root = false); alter publication rollcall add table chamber.visit"},
	{name: "identity_missing/partition", sql: partitioned + "alter table chamber.visit_1 replica identity nothing"},
	{name: "identity_not_published/partition", since: 15, sql: partitioned + "create unique index visit_1_by_note on chamber.visit_1 (note); alter table chamber.visit_1 alter note set not null, replica identity using index visit_1_by_note", also: []string{"key_not_in_identity"}},
	{name: "slot_missing", seed: func(in *installation) { in.Exec(in.t, "select pg_drop_replication_slot($1)", in.slot) }},
	{name: "slot_foreign", seed: func(in *installation) {
		in.Exec(in.t, "select pg_drop_replication_slot($1)", in.slot)
		in.Exec(in.t, "select pg_create_logical_replication_slot($1, 'test_decoding')", in.slot)
	}},
	{name: "slot_foreign/database", seed: func(in *installation) {
		in.slot = pgtest.Slot(in.t)
		pgtest.Database(in.t).Exec(in.t, "select pg_create_logical_replication_slot($1, 'pgoutput')", in.slot)
		in.cfg.Slot = in.slot
	}},

	// The contract.
	{name: "schema_missing", sql: "drop publication rollcall; drop schema rollcall cascade"},
	{name: "view_missing", sql: "drop view rollcall.groups"},
	{name: "column_missing", seed: func(in *installation) { in.replaceView("groups", ", sync", "") }},
	{name: "column_missing/optional", seed: func(in *installation) { in.replaceView("opt_outs", ", group_id", "") }},
	{name: "column_type", seed: func(in *installation) { in.replaceView("groups", "sync", "sync::text as sync") }},
	{name: "id_types_differ", seed: func(in *installation) { in.replaceView("groups", "group_id", "group_id::text as group_id") }},
	// One type, and yet 1 and 1.00 are two texts.
	{name: "id_types_differ/numeric scales", seed: func(in *installation) {
		in.Exec(in.t, "drop view rollcall.group_members; create view rollcall.group_members as select association_id, group_id, rep_id::numeric(12,2) as rep_id, disabled from chamber.group_membership; grant select on rollcall.group_members to rollcall")
		in.replaceView("reps", "r.rep_id,", "r.rep_id::numeric(12) as rep_id,")
	}, also: []string{"index_missing"}},
	{name: "view_fails", seed: func(in *installation) {
		in.replaceView("groups", "sync", "(case when group_id = 5 then 1 / (group_id - 5) else 0 end = 0) as sync")
	}},
	{name: "view_fails/a column that is neither key nor flag", seed: func(in *installation) {
		in.replaceView("reps", "r.phone", "case when r.rep_id = 5 then (1 / (r.rep_id - 5))::text else r.phone end as phone")
	}},
	{name: "view_empty", seed: func(in *installation) {
		in.replaceView("groups", "from chamber.rep_group", "from chamber.rep_group where false")
	}},
	{name: "view_empty/reps", sql: "truncate chamber.rep cascade", also: []string{"view_empty"}},
	{name: "null_flag", seed: func(in *installation) {
		in.replaceView("group_members", "disabled", "nullif(disabled, true) as disabled")
	}},
	{name: "null_flag/reps", seed: func(in *installation) {
		in.replaceView("reps", "r.opted_out", "case when r.rep_id > 5 then r.opted_out end as opted_out")
	}},
	{name: "null_key", seed: func(in *installation) { in.replaceView("groups", "group_id,", "nullif(group_id, 3) as group_id,") }},
	{name: "duplicate_key", seed: func(in *installation) {
		in.replaceView("reps", "left join chamber.member m on m.member_id = r.member_id",
			"left join (select * from chamber.member union all select * from chamber.member where member_id = 1) m on m.member_id = r.member_id")
	}},
	{name: "option_invalid", sql: "update chamber.sync_options set time_zone = 'Central'"},
	{name: "option_invalid/window", seed: func(in *installation) {
		in.replaceView("options", "to_char(window_end, 'HH24:MI') as window_end", "'4 am' as window_end")
	}},
	{name: "nobody_leaves", seed: func(in *installation) { in.replaceView("group_members", "disabled", "false as disabled") }},
	{name: "unwatched_table", sql: "delete from rollcall.watches where \"table\" = 'chamber.member_type';" + sql.Contract()[3]},
	{name: "unwatched_table/inherited", sql: "create table chamber.rep_archive (like chamber.rep including indexes) inherits (chamber.rep)"},
	{name: "unwatched_table/through a function", sql: `create table chamber.title (rep_id bigint primary key, title text);
		create function chamber.title_of(bigint) returns text stable security definer begin atomic select title from chamber.title where rep_id = $1; end`, seed: func(in *installation) {
		in.replaceView("reps", "r.job_title", "chamber.title_of(r.rep_id) as job_title")
	}},
	{
		name: "function_in_view", sql: "create function chamber.title_of(bigint) returns text stable security definer language sql as 'select job_title from chamber.rep where rep_id = $1'",
		seed: func(in *installation) {
			in.replaceView("reps", "r.job_title", "chamber.title_of(r.rep_id) as job_title")
		},
	},
	// What another server sends is on no stream, and neither is a text that is run as SQL.
	{name: "function_in_view/in C", seed: func(in *installation) {
		in.extension("dblink")
		in.replaceView("reps", "r.job_title", "(select d.t from public.dblink('dbname=none', 'select 1') d (t text) where r.rep_id < 0) as job_title")
	}},
	{
		name: "materialized_view", sql: "create materialized view chamber.names as select member_id, name from chamber.member; create unique index on chamber.names (member_id); grant select on chamber.names to postgres",
		seed: func(in *installation) {
			in.replaceView("reps", "m.name as company", "(select n.name from chamber.names n where n.member_id = r.member_id) as company")
		},
	},
	{
		name: "foreign_table", sql: "create foreign data wrapper nowhere; create server nowhere foreign data wrapper nowhere; create foreign table chamber.far (member_id bigint, name text) server nowhere",
		seed: func(in *installation) {
			in.replaceView("reps", "m.name as company", "case when r.rep_id < 0 then (select f.name from chamber.far f) end as company")
		},
		also: []string{"view_fails"}, // nobody is there to ask
	},
	{
		name: "unlogged_table", sql: "create unlogged table chamber.nick (rep_id bigint primary key, name text)",
		seed: func(in *installation) {
			in.replaceView("reps", "r.first_name", "coalesce((select n.name from chamber.nick n where n.rep_id = r.rep_id), r.first_name) as first_name")
		},
	},
	{name: "row_security", sql: "alter table chamber.rep enable row level security"},
	{name: "clock_in_view", seed: func(in *installation) {
		in.replaceView("reps", "r.active", "r.active and now() > timestamptz '2000-01-01' as active")
	}},
	{name: "clock_in_view/behind a view of another schema", sql: "create view chamber.current_rep as select rep_id, now() > timestamptz '2000-01-01' as active_now from chamber.rep", seed: func(in *installation) {
		in.replaceView("reps", "r.active", "r.active and (select c.active_now from chamber.current_rep c where c.rep_id = r.rep_id) as active")
	}},
	{name: "session_in_view", seed: func(in *installation) {
		in.replaceView("groups", "from chamber.rep_group", "from chamber.rep_group where current_user <> 'nobody'")
	}},
	{name: "security_barrier", sql: "alter view rollcall.groups set (security_barrier = true)"},
	{name: "security_invoker", since: 15, sql: "alter view rollcall.groups set (security_invoker = true)"},
	{name: "watches_empty", sql: "delete from rollcall.watches", also: []string{"published_unwatched", "unwatched_table"}},
	{name: "watch_invalid", sql: "alter table rollcall.watches drop constraint watches_key_count; insert into rollcall.watches values ('chamber.rep', '{rep_id,rep_id}', 'rep', null)"},
	{name: "watch_invalid/a partition of a watched table", sql: partitioned + "insert into rollcall.watches values ('chamber.visit_1', '{day}', 'rep', 'select rep_id::text from rollcall.reps where rep_id = extract(day from $1::date)')", seed: func(in *installation) {
		in.refused(sql.Contract()[3], "42809") // and names the remedy: see setup
	}},
	{name: "watch_table_missing", sql: "insert into rollcall.watches values ('chamber.nothing', '{id}', 'rep', null)"},
	{name: "watch_column_missing", sql: "insert into rollcall.watches values ('chamber.rep', '{id}', 'rep', null)"},
	{name: "resolve_fails", sql: "insert into rollcall.watches values ('chamber.rep', '{rep_id}', 'group', 'select group_id from chamber.group_membership where rep_id = $1')"},
	{name: "resolve_columns", sql: "insert into rollcall.watches values ('chamber.rep', '{rep_id}', 'group', 'select group_id, rep_id from rollcall.group_members where rep_id = $1')"},
	{name: "resolve_parameters", sql: "insert into rollcall.watches values ('chamber.rep', '{rep_id}', 'group', 'select group_id from rollcall.group_members')"},
	{name: "key_generated", until: 17, sql: "alter table chamber.rep add mail text generated always as (lower(email)) stored; insert into rollcall.watches values ('chamber.rep', '{mail}', 'rep', 'select rep_id from rollcall.reps where email = $1')"},
	{name: "key_nullable", sql: "create table chamber.sponsor (id bigint primary key, rep_id bigint); insert into rollcall.watches values ('chamber.sponsor', '{id,rep_id}', 'rep', 'select coalesce($2, $1)');" + sql.Contract()[3], also: []string{"key_not_in_identity"}},
	{name: "key_collation", sql: `create collation chamber.loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		create table chamber.code (code text collate chamber.loose primary key, rep_id bigint);
		insert into rollcall.watches values ('chamber.code', '{code}', 'rep', null);` + sql.Contract()[3]},
	{name: "key_collation/citext", seed: func(in *installation) {
		in.extension("citext")
		in.Exec(in.t, "create table chamber.code (code public.citext primary key, rep_id bigint); insert into rollcall.watches values ('chamber.code', '{code}', 'rep', null);"+sql.Contract()[3])
	}},
	{name: "key_cast", seed: func(in *installation) {
		in.Exec(in.t, "drop view rollcall.group_members")
		in.replaceView("reps", "r.rep_id,", "r.rep_id::text as rep_id,")
		in.Exec(in.t, "create view rollcall.group_members as select association_id, group_id, rep_id::text as rep_id, disabled from chamber.group_membership; grant select on rollcall.group_members to rollcall")
	}},
	{name: "address_index_missing", sql: "drop index chamber.rep_by_address"},
	{name: "index_missing", sql: "drop index chamber.rep_by_member"},
	{name: "view_slow", seed: func(in *installation) {
		in.replaceView("reps", "m.name as company", "(case when r.rep_id = 1 then (select m.name from pg_sleep(0.06)) else m.name end) as company")
		in.replaceView("reps", "from chamber.rep r", "from (select * from chamber.rep limit 50) r cross join (select pg_sleep(0.06) as nap offset 0) z")
	}},

	// Access.
	{name: "role_too_powerful", sql: "alter role rollcall bypassrls createdb"},
	{name: "schema_not_usable", sql: "revoke usage on schema rollcall from rollcall"},
	{name: "view_not_readable", sql: "revoke select on rollcall.groups from rollcall"},
	{name: "table_privileges", sql: "grant usage on schema chamber to rollcall; grant update on chamber.rep to rollcall"},
	{name: "watches_writable", sql: "grant insert on rollcall.watches to public"},
	{name: "state_not_writable", sql: "alter schema rollcall_state owner to postgres"},
	{name: "state_not_writable/temporary tables", seed: func(in *installation) {
		in.Exec(in.t, "revoke temporary on database "+in.Name+" from public, rollcall")
	}},
	{name: "state_missing", sql: "drop schema rollcall_state cascade"},
	{name: "other_database", sql: `create table rollcall_state.installation (source text, system_id text, timeline integer, database_oid oid, slot text);
		insert into rollcall_state.installation values ('chamber', '1', 1, 1, 'rollcall'); grant select on rollcall_state.installation to rollcall`},
	{name: "slot_shared", seed: func(in *installation) {
		in.Exec(in.t, `create table rollcall_state.installation (source text, system_id text, timeline integer, database_oid oid, slot text); grant select on rollcall_state.installation to rollcall`)
		in.Exec(in.t, `insert into rollcall_state.installation select 'other', system_identifier::text, 1, 1, $1 from pg_control_system()`, in.slot)
	}},

	// Resources.
	{name: "wal_keep_unlimited", sql: "alter system set max_slot_wal_keep_size = -1"},
	{name: "wal_keep_small", sql: "alter system set max_slot_wal_keep_size = '100MB'"},
	{name: "idle_slot_timeout", since: 18, sql: "alter system set idle_replication_slot_timeout = '2h'"},
	{name: "connection_limit", sql: "alter role rollcall connection limit 5"},

	{name: "check_failed", sql: "revoke select on pg_catalog.pg_stat_activity from public"},

	// Connectivity and Constant Contact.
	{name: "connection_refused", sql: "alter role rollcall connection limit 0"},
	{name: "source_unreachable", seed: func(in *installation) { in.cfg.Source.Port = 1; in.cfg.Source.Fallbacks = nil }},
	{name: "database_missing", seed: func(in *installation) { in.cfg.Source.Database = "nowhere" }},
	{name: "login_refused", seed: func(in *installation) { in.cfg.Source.User = "nobody_at_all" }},
	{name: "state_unreachable", seed: func(in *installation) {
		in.cfg.State = as(in.t, in.URL, "rollcall")
		in.cfg.State.Port = 1
		in.cfg.State.Fallbacks = nil
	}},
	{name: "clock_offset", seed: func(in *installation) { in.cfg.Now = func() time.Time { return time.Now().Add(-time.Minute) } }},
	{name: "no_connection", seed: func(in *installation) { in.cfg.Connections = nil }},
	{name: "token_unreadable", seed: func(in *installation) { in.cfg.Connections[0].TokenError = context.Canceled }},
	{name: "association_unknown", seed: func(in *installation) { in.cfg.Connections[0].Association = "17" }, also: []string{"association_not_connected"}},
	{name: "association_not_connected", sql: "insert into chamber.association (name) values ('Second'); insert into chamber.sync_options (association_id, sync_groups) values ((select max(association_id) from chamber.association), true)"},
}

const partitioned = `create table chamber.visit (rep_id bigint, day date, note text, primary key (rep_id, day)) partition by range (day);
	create table chamber.visit_1 partition of chamber.visit for values from ('2026-01-01') to ('2027-01-01');
	insert into rollcall.watches values ('chamber.visit', '{rep_id}', 'rep', null);
	` // and then the publication

func TestSeeds(t *testing.T) {
	for _, s := range seeds {
		t.Run(s.name, func(t *testing.T) {
			in := install(t)
			if v := in.version(); v < s.since || s.until > 0 && v > s.until {
				t.Skipf("not on version %d", v)
			}
			// What belongs to the whole server.
			t.Cleanup(func() {
				for _, reset := range []string{
					"alter system reset all", "select pg_reload_conf()",
					"alter role rollcall login replication nobypassrls nocreatedb connection limit -1",
				} {
					in.Exec(t, reset)
				}
			})
			if rest, ok := strings.CutPrefix(s.sql, partitioned); ok {
				in.Exec(t, partitioned+sql.Contract()[3])
				in.Exec(t, rest)
			} else if strings.HasPrefix(s.sql, "alter system") {
				in.Exec(t, s.sql)
				in.reload()
			} else if s.sql != "" {
				in.Exec(t, s.sql)
			}
			if s.seed != nil {
				s.seed(in)
			}
			name, _, _ := strings.Cut(s.name, "/")
			want := append([]string{name}, s.also...)
			slices.Sort(want)
			in.want(slices.Compact(want)...)
		})
	}
}

// reload has the server read its settings, and waits until a session shows the
// new ones.
func (in *installation) reload() {
	in.t.Helper()
	conn := in.Conn(in.t)
	before := setting(in.t, conn, "select pg_conf_load_time()::text")
	in.Exec(in.t, "select pg_reload_conf()")
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if setting(in.t, in.Conn(in.t), "select pg_conf_load_time()::text") != before {
			return
		}
		<-tick.C
	}
	in.t.Fatal("the settings are not read again")
}

func setting(t *testing.T, conn *pgx.Conn, query string) string {
	t.Helper()
	var value string
	if err := conn.QueryRow(context.Background(), query).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

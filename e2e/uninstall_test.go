package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// traces are all things in a database, and those of the server, that Rollcall
// could leave behind.
const traces = `
	select 'relation ' || c.oid::regclass || ' ' || c.relreplident::text || ' ' || coalesce(c.relacl::text, '') from pg_class c
		where c.relnamespace not in ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace) and c.relpersistence <> 't'
	union all select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^pg_(toast_)?temp'
	union all select 'function ' || p.oid::regprocedure from pg_proc p where p.pronamespace <> all ('{pg_catalog,information_schema}'::regnamespace[])
	union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass from pg_trigger where not tgisinternal
	union all select 'publication ' || pubname from pg_publication
	union all select 'slot ' || slot_name from pg_replication_slots
	union all select 'role ' || rolname from pg_roles
	union all select 'database ' || datname || coalesce(datacl, acldefault('d', datdba))::text from pg_database
	union all select 'setting ' || setrole || setdatabase from pg_db_role_setting
	order by 1`

// An installation is made, used, and removed without a trace; the next one knows
// who opted out and who left, from the file that was kept.
func TestUninstall(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, nil)
	w := newWorld(t, "small", fillSmall) // for its simulator
	admin := connectTo(t, server, "postgres")
	execute(t, admin, "create database chamber")
	must(t, admin.Close(t.Context()))
	w.db = &pgtest.DB{Name: "chamber", URL: server.URL("chamber")}
	w.member = w.db.Conn(t)
	execute(t, w.member, sql.Reference()[0])
	must(t, fillSmall(t.Context(), w.member))
	before := w.traces(t)
	const slot = "rollcall"
	w.config = writeConfig(t, w.db.URL, slot, w.address)
	w.init(t)

	w.start(t)
	w.settle(t, time.Minute)
	w.must(t, w.sim.Leave(account, lena, board))
	w.exec(t, "update chamber.rep set opted_out = true where email = $1", rosa)
	w.exec(t, "update chamber.rep set job_title = 'Rope maker' where email = $1", lena)
	w.settle(t, time.Minute)
	w.wantOn(t, "before", board, lotte, ulla)
	// The rep comes back without the opt-out, which is remembered.
	w.exec(t, "delete from chamber.group_membership where rep_id = (select rep_id from chamber.rep where email = $1)", rosa)
	w.exec(t, "delete from chamber.rep where email = $1", rosa)
	w.settle(t, time.Minute)
	if out, exit := w.command(t, "uninstall", "--yes"); exit != 1 || !strings.Contains(out, "running") && !strings.Contains(out, "is at work") {
		t.Errorf("while it runs: exit code %d: %s", exit, out)
	}
	w.stop(t)
	if out, exit := w.command(t, "uninstall"); exit != 2 || !strings.Contains(out, "1 addresses that opted out and 1 departures") {
		t.Errorf("without an answer: exit code %d: %s", exit, out)
	}
	if out, exit := w.command(t, "uninstall", "--print"); exit != 0 || !strings.Contains(out, "drop publication") || !strings.Contains(out, "pg_drop_replication_slot") {
		t.Errorf("printing: exit code %d: %s", exit, out)
	}
	if n := w.count(t, "select count(*) from rollcall_state.ledger where departed_at is not null"); n != 1 {
		t.Fatalf("%d departures", n)
	}
	file := filepath.Join(t.TempDir(), "consent")
	w.exec(t, "grant usage on schema rollcall_state to rollcall")
	w.exec(t, "grant select on all tables in schema rollcall_state to rollcall")
	asRole := strings.Replace(w.db.URL, "postgres://"+w.member.Config().User, "postgres://rollcall", 1)
	if out, exit := w.command(t, "uninstall", "--yes", "--keep-consent", file, "--url", asRole); exit != 1 || !strings.Contains(out, "the user rollcall owns neither") {
		t.Errorf("by the role: exit code %d: %s", exit, out)
	}
	if n := w.count(t, "select count(*) from pg_replication_slots where slot_name = '"+slot+"'"); n != 1 {
		t.Errorf("by the role: %d slots are left", n)
	}
	if out, exit := w.command(t, "uninstall", "--yes", "--keep-consent", file); exit != 0 {
		t.Fatalf("uninstall: exit code %d: %s", exit, out)
	}
	if after := w.traces(t); !slices.Equal(after, before) {
		for _, trace := range after {
			if !slices.Contains(before, trace) {
				t.Errorf("left behind: %s", trace)
			}
		}
		for _, trace := range before {
			if !slices.Contains(after, trace) {
				t.Errorf("taken away: %s", trace)
			}
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of consent is %v, %v", info.Mode(), err)
	}
	if out, exit := w.command(t, "uninstall", "--yes"); exit != 0 || !strings.Contains(out, "nothing of Rollcall") {
		t.Errorf("a second time: exit code %d: %s", exit, out)
	}

	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Rosa', 'Example', $1)", rosa)
	w.exec(t, "insert into chamber.group_membership (association_id, group_id, rep_id) select 1, 1, rep_id from chamber.rep where email = $1", rosa)
	w.init(t, "--consent", file)
	w.start(t)
	w.settle(t, time.Minute)
	w.wantOn(t, "in the next installation", board, lotte, ulla)
	w.wantOn(t, "in the next installation", allActive, lena, lotte, ulla)
	// Without the file both would be asked about.
	if n := w.count(t, "select count(*) from rollcall_state.approval_pair where address in ('lena@example.org', 'rosa@example.org') and op = 'add'"); n > 0 {
		t.Errorf("%d questions about people who left or opted out", n)
	}
	if out, exit := w.command(t, "explain", rosa); exit != 0 || !strings.Contains(out, "opted out") {
		t.Errorf("explain: exit code %d: %s", exit, out)
	}
	w.wantNoViolations(t)
	w.stop(t)
}

// init makes the contract as the owner of the tables.
func (w *world) init(t *testing.T, args ...string) {
	t.Helper()
	if out, exit := w.plain(t, append([]string{"init", "--reference", "--url", w.db.URL, "--capture", pgtest.Capture()}, args...)...); exit != 0 {
		t.Fatalf("init: exit code %d: %s", exit, out)
	}
}

func (w *world) traces(t *testing.T) []string {
	t.Helper()
	rows, err := w.member.Query(t.Context(), traces)
	must(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return all
}

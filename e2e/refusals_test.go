package e2e

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
)

// A member database that cannot be followed is refused with one line that names
// what is wrong and the remedy, with exit code 1, and keeps no trace.
func TestRefusals(t *testing.T) {
	t.Parallel()
	type refusal struct {
		spoil string   // what is wrong with the database
		want  []string // what the error says of it
	}
	uncaptured := refusal{"drop publication rollcall", []string{`no publication "rollcall"`, "sql/contract/04_publication.sql"}}
	if pgtest.ByTriggers() {
		uncaptured = refusal{"drop table rollcall.log cascade", []string{"no table rollcall.log", "sql/contract/triggers/04_triggers.sql", "capture: replication"}}
	}
	for name, c := range map[string]refusal{
		"missing view": {
			"drop view rollcall.options",
			[]string{"lacks rollcall.options;", "sql/contract"},
		},
		"missing column": {
			"drop view rollcall.group_members; create view rollcall.group_members as select association_id, group_id, rep_id from chamber.group_membership",
			[]string{"lacks rollcall.group_members.disabled;", "sql/contract"},
		},
		"no contract": {
			"drop publication if exists rollcall; drop schema rollcall cascade",
			[]string{"lacks rollcall.reps, rollcall.groups, rollcall.group_members, rollcall.options, rollcall.watches;", "sql/contract"},
		},
		"no watches": {
			"delete from rollcall.watches",
			[]string{"rollcall.watches: it has no rows", "insert one row for each table"},
		},
		"nothing that captures": uncaptured,
	} {
		t.Run(name, func(t *testing.T) {
			db := newMember(t)
			db.Exec(t, c.spoil)
			refused(t, db.Conn(t), db.URL, c.want...)
		})
	}
}

// The database's owner has let the role do everything but one thing.
func TestRefusalsOfRoles(t *testing.T) {
	t.Parallel()
	db := newMember(t)
	conn := db.Conn(t)
	role := pgtest.Slot(t)
	for _, statement := range []string{
		"create role " + role + " login",
		"grant create on database " + db.Name + " to " + role,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { db.Exec(t, "drop owned by "+role+"; drop role "+role) })
	url := strings.Replace(db.URL, "postgres@", role+"@", 1)
	refused(t, conn, url, "read rollcall.watches", role, "sql/contract/05_role.sql")

	if _, err := conn.Exec(t.Context(), "grant rollcall to "+role); err != nil {
		t.Fatal(err)
	}
	if pgtest.ByTriggers() {
		db.Exec(t, "revoke delete on rollcall.log from rollcall")
		refused(t, conn, url, "may not read and empty it", role, "sql/contract/05_role.sql")
	} else {
		refused(t, conn, url, "may not replicate", `alter role "`+role+`" replication`)
	}
	refused(t, conn, strings.Replace(db.URL, "postgres@", "nobody@", 1), "source.url", "user nobody", "pg_hba.conf")
	refused(t, conn, strings.Replace(db.URL, db.Name, "nowhere", 1), "source.url", "database nowhere", "no such database")
}

func TestRefusalOfWALLevel(t *testing.T) {
	if pgtest.ByTriggers() {
		t.Skip("triggers work with every wal_level: internal/setup TestApplyTriggersWithoutReplication")
	}
	for _, level := range []string{"replica", "minimal"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			settings := map[string]string{"wal_level": level}
			if level == "minimal" {
				settings["max_wal_senders"] = "0"
			}
			url := pgtest.Server(t, settings).URL("postgres")
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(context.Background())
			if err := bareContract(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			refused(t, conn, url, "wal_level is not logical", "it is "+level, "alter system set wal_level = 'logical'", "restart")
		})
	}
}

// newMember is a member database with the contract and nothing of Rollcall's.
func newMember(t *testing.T) *pgtest.DB {
	t.Helper()
	return pgtest.Template(t, "bare", bareContract)
}

// bareContract leaves out the schema of the state, which the contract makes for
// its role, so that it shows whether the program has made it.
func bareContract(ctx context.Context, conn *pgx.Conn) error {
	if err := contract(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "drop schema rollcall_state")
	return err
}

// refused runs the program to its end. conn is the superuser's.
func refused(t *testing.T, conn *pgx.Conn, url string, want ...string) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	slot := pgtest.Slot(t)
	var stderr bytes.Buffer
	program := exec.CommandContext(t.Context(), path, "run", "--config", writeConfig(t, url, slot, "127.0.0.1:1"))
	program.Stderr = &stderr
	err = program.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v, want exit code 1", err)
	}
	text := stderr.String()
	if strings.Count(text, "\n") != 1 {
		t.Errorf("want one line, have:\n%s", text)
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("the error does not say %q: %s", part, text)
		}
	}
	var left bool
	err = conn.QueryRow(t.Context(), `select to_regnamespace('rollcall_state') is not null
		or exists (select from pg_replication_slots where slot_name = $1)`, slot).Scan(&left)
	if err != nil || left {
		t.Errorf("something is left behind: %t, %v", left, err)
	}
}

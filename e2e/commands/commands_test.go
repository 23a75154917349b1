// Package commands holds the commands that show, ask and answer to what they
// print, on a real Postgres with the reference schema and a filled state.
package commands

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"rollcall/internal/cli"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var update = flag.Bool("update", false, "write the expected texts of the scripts anew")

// noon is when every command runs.
var noon = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// member is a database with the reference schema and the contract.
func member(ctx context.Context, conn *pgx.Conn) error {
	files := sql.Contract()
	if pgtest.ByTriggers() {
		files = sql.ByTriggers(files)
	}
	for _, script := range append(sql.Reference(), files...) {
		if _, err := conn.Exec(ctx, script); err != nil {
			return err
		}
	}
	return nil
}

// filled is a member database with a state, as testdata/state.sql says.
func filled(ctx context.Context, conn *pgx.Conn) error {
	if err := member(ctx, conn); err != nil {
		return err
	}
	if err := statetest.Migrate(ctx, conn); err != nil {
		return err
	}
	state, err := os.ReadFile("testdata/state.sql")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, string(state))
	return err
}

// The first line of a script names its database: "# database: filled", empty or
// none.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			var db *pgtest.DB
			switch kind := strings.TrimPrefix(first, "# database: "); kind {
			case "filled":
				db = pgtest.Template(t, kind, filled)
			case "empty":
				db = pgtest.Template(t, kind, member)
			default:
				t.Fatalf("the first line is %q", first)
			}
			script(t, file, db)
		})
	}
}

// script runs one script. Its commands: rollcall (with ! it must fail), exits
// (the exit code, then the arguments), sql (statements) and query (rows as
// text). The variable ANSWER is what somebody types at the terminal.
func script(t *testing.T, file string, db *pgtest.DB) {
	testscript.Run(t, testscript.Params{
		Files:         []string{file},
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			config := fmt.Sprintf(`source:
  name: chamber
  url: %s
constant_contact:
  connections:
    - association: "1"
      access_token: {env: ROLLCALL_TEST_NO_TOKEN}
`, db.URL)
			two := config + "    - association: \"2\"\n      access_token: {env: ROLLCALL_TEST_NO_TOKEN}\n"
			if err := os.WriteFile(filepath.Join(env.WorkDir, "two.yaml"), []byte(two), 0o600); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "rollcall.yaml"), []byte(config), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"rollcall": func(ts *testscript.TestScript, neg bool, args []string) {
				if code := run(ts, args); (code != 0) != neg {
					ts.Fatalf("exits with %d", code)
				}
			},
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				if code := run(ts, args[1:]); strconv.Itoa(code) != args[0] {
					ts.Fatalf("exits with %d, want %s", code, args[0])
				}
			},
			"sql": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(query(ts, db, args[0]))
			},
			"query": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Check(query(ts, db, args[0]))
			},
		},
	})
}

func run(ts *testscript.TestScript, args []string) int {
	if !slices.Contains(args, "-c") {
		args = append(slices.Clone(args), "-c", ts.MkAbs("rollcall.yaml"))
	}
	p := cli.Program{Stdin: bytes.NewBufferString(ts.Getenv("ANSWER")), Terminal: ts.Getenv("ANSWER") != "", Stdout: ts.Stdout(), Stderr: ts.Stderr(), Now: now, User: "carla"}
	return p.Main(args)
}

func query(ts *testscript.TestScript, db *pgtest.DB, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, db.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var cells []string
		for _, v := range rows.RawValues() {
			cells = append(cells, string(v))
		}
		fmt.Fprintln(ts.Stdout(), strings.Join(cells, " | "))
	}
	return rows.Err()
}

// Package schemas_test proves the contract on member systems that were not
// made for it: whatever changes in their tables, everybody whom a view shows
// differently afterwards has been touched.
package schemas_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/sql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// folder is a member system: its tables, some data, and the views and watches
// that adapt it.
type folder struct {
	name         string
	schema, data string
	contract     setup.Contract
	fill         func(context.Context, *pgx.Conn) error // instead of data
	mayWarn      bool                                   // not ours: what check warns of is only told
}

// folders are the reference, the two of testdata, and those that
// ROLLCALL_TEST_SCHEMAS names: folders, or folders of folders, each with
// schema.sql, data.sql, views.sql and watches.sql.
func folders(t *testing.T) []folder {
	t.Helper()
	all := []folder{{
		name: "reference", schema: sql.Reference()[0],
		fill: func(ctx context.Context, conn *pgx.Conn) error {
			_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 5, Associations: 2, Reps: 14, Groups: 4})
			return err
		},
	}}
	dirs, err := filepath.Glob("testdata/*")
	if err != nil {
		t.Fatal(err)
	}
	ours := len(dirs)
	for _, dir := range filepath.SplitList(os.Getenv("ROLLCALL_TEST_SCHEMAS")) {
		if _, err := os.Stat(filepath.Join(dir, "schema.sql")); err == nil {
			dirs = append(dirs, dir)
			continue
		}
		found, err := filepath.Glob(filepath.Join(dir, "*", "schema.sql"))
		if err != nil || len(found) == 0 {
			t.Fatalf("ROLLCALL_TEST_SCHEMAS names %s, which holds no schema.sql and no folder with one", dir)
		}
		for _, file := range found {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	for i, dir := range dirs {
		f := folder{name: filepath.Base(dir), mayWarn: i >= ours}
		f.schema, f.data = read(t, dir, "schema.sql"), read(t, dir, "data.sql")
		// Whoever takes people off is as good as whoever keeps them here.
		f.contract = setup.Contract{Views: read(t, dir, "views.sql"), Watches: read(t, dir, "watches.sql"), OnRemoved: "remove"}
		all = append(all, f)
	}
	return all
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// database is a new one with the member system, and with the contract.
func (f folder) database(t *testing.T) *pgtest.DB {
	t.Helper()
	db := pgtest.Database(t)
	for _, script := range []struct{ name, text string }{{"schema.sql", f.schema}, {"data.sql", f.data}} {
		conn := db.Conn(t) // a dump changes settings of its session
		if line, err := load(t.Context(), conn, script.text); err != nil {
			t.Fatalf("load %s of %s, in or after line %d: %v", script.name, f.name, line, err)
		}
	}
	conn := db.Conn(t)
	if f.fill != nil {
		if err := f.fill(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
	}
	if f.mayWarn {
		letRead(t, db)
	}
	f.contract.Triggers = pgtest.ByTriggers()
	if _, err := setup.Apply(t.Context(), conn, f.contract); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "analyze")
	return db
}

// letRead gives the role what the resolve statements of somebody else's watches
// may need: ours read views only.
func letRead(t *testing.T, db *pgtest.DB) {
	t.Helper()
	db.Exec(t, `do $$
		declare
			name text;
		begin
			if not exists (select from pg_roles where rolname = 'rollcall') then
				create role rollcall login replication;
			end if;
			for name in select quote_ident(nspname) from pg_namespace where nspname !~ '^pg_|^information_schema$' loop
				execute format('grant usage on schema %s to rollcall; grant select on all tables in schema %1$s to rollcall', name);
			end loop;
		end $$`)
}

// load runs a script as psql would, with the rows of COPY … FROM stdin in it.
// With an error it returns the line that the server names, or else the first of
// what it was given at once.
func load(ctx context.Context, conn *pgx.Conn, text string) (line int, err error) {
	var statements strings.Builder
	first := 1
	flush := func() (int, error) {
		given := statements.String()
		statements.Reset()
		_, err := conn.Exec(ctx, given)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Position > 0 {
			return first + strings.Count(string([]rune(given)[:refused.Position-1]), "\n"), err
		}
		return first, err
	}
	lines := strings.SplitAfter(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		bare := strings.ToLower(strings.TrimSpace(line))
		switch {
		case strings.HasPrefix(bare, "copy ") && strings.Contains(bare, "from stdin"):
			if line, err := flush(); err != nil {
				return line, err
			}
			copied := i + 1
			var rows strings.Builder
			for i++; i < len(lines) && strings.TrimRight(lines[i], "\r\n") != `\.`; i++ {
				rows.WriteString(lines[i])
			}
			if _, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(rows.String()), strings.TrimSuffix(strings.TrimSpace(line), ";")); err != nil {
				return copied, err
			}
			first = i + 2
		case strings.HasPrefix(bare, `\`): // a command of psql
			statements.WriteString("\n")
		default:
			statements.WriteString(line)
		}
	}
	return flush()
}

package source

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/pgtest"
)

// What is told of a table is what the application gets from the server, and the
// statement that is to help helps.
func TestRefusingIsWhatTheApplicationGets(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		part   string // of the finding; empty: none
	}{
		"as it was made":             {"", ""},
		"key dropped":                {"alter table app.person drop constraint person_pkey", "app.person"},
		"identity full":              {"alter table app.person replica identity full", "app.person"},
		"identity nothing":           {"alter table app.person replica identity nothing", "app.person"},
		"identity by another column": {"create unique index other on app.person (code); alter table app.person replica identity using index other", "app.person"},
		"index of the identity gone": {"create unique index other on app.person (id); alter table app.person replica identity using index other; drop index app.other", "app.person"},
		"another key":                {"alter table app.person drop constraint person_pkey; alter table app.person add primary key (code)", "app.person"},
		"wider key":                  {"alter table app.person drop constraint person_pkey; alter table app.person add primary key (id, code)", "app.person"},
		"a column more":              {"alter table app.person add column more text", ""},
		"a partition's key dropped":  {"alter table app.part replica identity nothing", "app.part"},
		"key that includes a column": {"alter table app.person drop constraint person_pkey; alter table app.person add primary key (id) include (code)", ""},
		"deferrable key":             {"alter table app.person drop constraint person_pkey; alter table app.person add primary key (id) deferrable", "app.person"},
		"index includes a column":    {"create unique index other on app.person (id) include (code); alter table app.person replica identity using index other", ""},
		"full without a list":        {`alter publication "Roll call" set table app.person; alter table app.person replica identity full`, ""},
		"updates are not published":  {`alter publication "Roll call" set (publish = 'insert'); alter table app.person drop constraint person_pkey`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.Database(t)
			conn := db.Conn(t)
			run := func(statement string) error {
				_, err := conn.Exec(t.Context(), statement)
				return err
			}
			must := func(statement string) {
				t.Helper()
				if err := run(statement); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			var version int
			if err := conn.QueryRow(t.Context(), "select current_setting('server_version_num')::integer").Scan(&version); err != nil {
				t.Fatal(err)
			}
			list := " (id)"
			if version < 150000 { // no column lists: any identity will do
				list = ""
			}
			must(`create schema app; create table app.person (id integer primary key, code integer not null default 1);
				create table app.parted (id integer primary key) partition by range (id);
				create table app.part partition of app.parted for values from (0) to (100);
				insert into app.person values (1); insert into app.parted values (1)`)
			must(fmt.Sprintf(`create publication "Roll call" for table app.person%s, app.parted%[1]s with (publish_via_partition_root = true)`, list))
			must(c.change)
			src := &Source{pool: db.Pool(t)}
			found, err := src.Refusing(t.Context(), "Roll call")
			if err != nil {
				t.Fatal(err)
			}
			for table, update := range map[string]string{"app.person": "update app.person set code = 2", "app.part": "update app.parted set id = 2"} {
				var pgErr *pgconn.PgError
				code := ""
				if err := run(update); errors.As(err, &pgErr) {
					code = pgErr.Code
				} else if err != nil {
					t.Fatal(err)
				}
				i := slices.IndexFunc(found, func(r Refusing) bool { return r.Part == table })
				if (i >= 0) != (code != "") || i >= 0 && found[i].SQLState != code {
					t.Errorf("%s: the application gets %q, told of %+v", update, code, found)
				}
				if expected := table == c.part && (version >= 150000 || code != ""); (code != "") != expected {
					t.Errorf("%s: the application gets %q", update, code)
				}
			}
			for _, r := range found {
				must(fmt.Sprintf("alter publication %s drop table %s", pgx.Identifier{"Roll call"}.Sanitize(), r.Table))
			}
			must("update app.person set code = 3; update app.parted set id = 3")
			if found, err := src.Refusing(t.Context(), "Roll call"); err != nil || len(found) > 0 {
				t.Errorf("afterwards: %+v, %v", found, err)
			}
		})
	}
}

// A table of which not every change is published is as good as none.
func TestATablePublishedInPartIsUnpublished(t *testing.T) {
	for name, c := range map[string]struct {
		since  int // version of the server
		change string
	}{
		"a filter":     {150000, "alter publication rollcall set table public.person where (id > 5)"},
		"no deletes":   {0, "alter publication rollcall set (publish = 'insert, update, truncate')"},
		"no truncates": {0, "alter publication rollcall set (publish = 'insert, update, delete')"},
	} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.Database(t)
			db.Exec(t, "create table public.person (id integer primary key); create publication rollcall for table public.person")
			var version int
			if err := db.Conn(t).QueryRow(t.Context(), "select current_setting('server_version_num')::integer").Scan(&version); err != nil {
				t.Fatal(err)
			}
			if version < c.since {
				t.Skipf("not on version %d", version)
			}
			src := &Source{pool: db.Pool(t)}
			for _, want := range []int{0, 1} {
				if lacks, err := src.Unpublished(t.Context(), "rollcall", []string{"public.person"}); err != nil || len(lacks) != want {
					t.Errorf("lacks %q, want %d; %v", lacks, want, err)
				}
				db.Exec(t, c.change)
			}
		})
	}
}

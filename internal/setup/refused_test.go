package setup_test

import (
	"strings"
	"testing"

	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
)

// Whoever writes the two files for the first time is told which file and line
// is wrong, and what is wanted there.
func TestARefusalSaysWhereAndWhatIsWanted(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	const person = "('club.person', '{id}', 'rep', null)"
	for name, c := range map[string]struct {
		inWatches bool
		old, with string
		want      []string
	}{
		"a view of a table that is not there": {false, "from club.circle;", "from club.circel;", []string{"line 5 of the views", "club.circel"}},
		"a command of psql":                   {false, "create schema rollcall;", "\\set x 1\n", []string{"line 1 of the views", "commands of psql"}},
		"a transaction of a level":            {false, "create schema rollcall;", "begin isolation level serializable;", []string{"take out begin"}},
		"rows alone":                          {true, "insert into rollcall.watches values ", "\n", []string{"line 2 of the watches"}},
		"a table without a schema":            {true, person, "('person', '{id}', 'rep', null)", []string{"(person, {id}, rep, null)", "schema.table, without quotes"}},
		"a table in quotes":                   {true, person, `('club."person"', '{id}', 'rep', null)`, []string{`club."person"`, "without quotes"}},
		"no such kind":                        {true, person, "('club.person', '{id}', 'person', null)", []string{"{id}, person, null", "rep, member, group"}},
		"two keys that are the id":            {true, person, "('club.person', '{id,mail}', 'rep', null)", []string{"{id,mail}", "a resolve statement that leads"}},
		"an address that is the key":          {true, person, "('club.person', '{mail}', 'address', null)", []string{"{mail}", "association_id and e-mail"}},
		"the same row twice":                  {true, person, person + ", " + person, []string{"club.person", "leave one out"}},
		"an update":                           {true, person, "('club.person', '{id}', 'rep', 'update club.person set gone = true returning id')", []string{"update club.person", "one SELECT"}},
		"a view without its schema":           {true, person, "('club.person', '{id}', 'rep', 'select rep_id::text from reps where rep_id = $1')", []string{"club.person (rep)", "rollcall.…"}},
		"a table that the role cannot read":   {true, person, "('club.person', '{id}', 'rep', 'select id::text from club.person where id = $1')", []string{"42501", "make a view"}},
		"the wrong parameter":                 {true, person, "('club.person', '{id}', 'rep', 'select rep_id::text from rollcall.reps where rep_id = $2')", []string{"every parameter"}},
	} {
		t.Run(name, func(t *testing.T) {
			contract := club()
			file := &contract.Views
			if c.inWatches {
				file = &contract.Watches
			}
			if !strings.Contains(*file, c.old) {
				t.Fatalf("there is no %q", c.old)
			}
			*file = strings.Replace(*file, c.old, c.with, 1)
			_, err := setup.Try(t.Context(), conn, contract)
			if err == nil {
				t.Fatal("not refused")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// A refusal tells no values of people, though the server would.
func TestARefusalNamesNobody(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables+"insert into club.person (mail) values ('ann@example.org'), ('ann@example.org')")
	contract := club()
	contract.Views += " create unique index on club.person (mail);"
	_, err := setup.Try(t.Context(), conn, contract)
	if err == nil || strings.Contains(err.Error(), "ann") {
		t.Errorf("a unique index on what is there twice: %v", err)
	}
}

// Some editors put a mark before the first letter, as psql knows.
func TestAFileMayBeginWithAByteOrderMark(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables)
	contract := club()
	contract.Views, contract.Watches = "\ufeff"+contract.Views, "\ufeff"+contract.Watches
	apply(t, conn, contract)
}

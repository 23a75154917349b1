package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// fillFlawed makes a database whose view shows some reps twice and whose rows
// may lack a flag, as other membership systems have them.
func fillFlawed(ctx context.Context, conn *pgx.Conn) error {
	if err := fillSmall(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `
alter table chamber.rep alter active drop not null;
alter table chamber.group_membership alter disabled drop not null;
alter view rollcall.reps rename to once;
create table chamber.twice (rep_id bigint primary key);
create view rollcall.reps as
	select * from rollcall.once
	union all
	select o.* from rollcall.once o join chamber.twice t on t.rep_id = o.rep_id;
insert into chamber.rep (association_id, member_id, email, active) values
	(1, 1, 'nora@example.org', null), (1, 1, 'tessa@example.org', true), (1, 1, 'dora@example.org', true);
insert into chamber.twice select rep_id from chamber.rep where email = 'tessa@example.org';
insert into chamber.group_membership (association_id, group_id, rep_id, disabled)
	select 1, 1, rep_id, case when email <> 'dora@example.org' then false end
	from chamber.rep where email in ('nora@example.org', 'tessa@example.org', 'dora@example.org')`)
	return err
}

// A row that cannot be used is a finding about its rep: that person is neither
// added nor removed, everybody else is.
func TestRowsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "flawed", fillFlawed)
	w.start(t)
	w.settle(t, time.Minute)
	for _, list := range []string{allActive, gold, board} {
		w.wantOn(t, "at first", list, lena, lotte, rosa, ulla)
	}

	// Of those who are on the lists, some become unusable while something else
	// asks for their removal.
	w.exec(t, "insert into chamber.twice select rep_id from chamber.rep where email = $1", lena)
	w.exec(t, "update chamber.rep set active = null where email = $1", lotte)
	w.exec(t, "update chamber.group_membership set disabled = true where disabled is not null")
	w.exec(t, "update chamber.rep set active = false where email in ($1, $2)", lena, rosa)
	w.exec(t, "insert into chamber.rep (association_id, member_id, email) values (1, 1, 'vera@example.org')")
	w.settle(t, time.Minute)
	w.wantOn(t, "with bad rows", board, lena, lotte)
	w.wantOn(t, "with bad rows", allActive, lena, lotte, ulla, "vera@example.org")

	rows, err := w.member.Query(t.Context(), "select rep_id from chamber.rep where email = any($1)",
		[]string{lena, lotte, "nora@example.org", "tessa@example.org", "dora@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	bad, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	// Mended, they are people like any other.
	w.exec(t, "delete from chamber.twice")
	w.exec(t, "update chamber.rep set active = true")
	w.exec(t, "update chamber.group_membership set disabled = false")
	w.exec(t, "select rollcall.touch('all', null)")
	w.settle(t, time.Minute)
	w.wantOn(t, "mended", board, "dora@example.org", lena, lotte, "nora@example.org", rosa, "tessa@example.org", ulla)
	w.stop(t)

	log := w.log.String()
	for _, id := range bad {
		if named := findingsOf(log, id); named != 1 {
			t.Errorf("the log names rep %d in %d findings, want 1", id, named)
		}
	}
	for _, text := range []string{"active is NULL", "disabled is NULL in rollcall.group_members", "more than once"} {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not say %q", text)
		}
	}
	if strings.Contains(log, "example.org") {
		t.Error("there are addresses in the log")
	}
}

// findingsOf counts the lines of findings that name a rep.
func findingsOf(log string, id int) int {
	n := 0
	for line := range strings.Lines(log) {
		_, reps, finding := strings.Cut(line, "cannot be used")
		_, reps, _ = strings.Cut(reps, "reps=")
		if ids := strings.Fields(strings.Trim(strings.TrimSpace(reps), `"[]`)); finding {
			for _, have := range ids {
				if have == fmt.Sprint(id) {
					n++
				}
			}
		}
	}
	return n
}

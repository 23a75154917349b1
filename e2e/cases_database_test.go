package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A database that is not the one on record, as a copy of it is not: nothing is
// sent, and no position is touched.
func TestAnotherDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]string{
		"another system":   "update rollcall_state.installation set system_id = '1'",
		"another timeline": "update rollcall_state.installation set timeline = timeline + 1",
		"another database": "update rollcall_state.installation set database_oid = 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "small", fillSmall)
			w.start(t)
			w.settle(t, time.Minute)
			w.stop(t)
			w.exec(t, spoil)
			w.exec(t, "update chamber.group_membership set disabled = true")
			w.sim.Reset()
			w.log.Reset()
			w.start(t)
			var exit *exec.ExitError
			if err := w.process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("it ends with %v, want exit code 1", err)
			}
			if n := len(w.sim.Requests()); n > 0 {
				t.Errorf("%d requests for a database that is not ours", n)
			}
			if !strings.Contains(w.log.String(), "another database") {
				t.Errorf("the log does not say what is wrong:\n%s", w.log)
			}
		})
	}
}

// The position shows that the database went back in time: nobody is taken off,
// whoever opted out is, and everything is looked at again.
func TestThePositionShowsARollback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.stop(t)
	w.exec(t, "update rollcall_state.position set durable_lsn = durable_lsn + 1000000000")
	w.exec(t, "update chamber.group_membership set disabled = true where rep_id = (select rep_id from chamber.rep where email = $1)", lotte)
	w.exec(t, "update chamber.rep set opted_out = true where email = $1", lena)
	w.start(t)
	wait(t, "the question", func() bool {
		var asked bool
		err := w.member.QueryRow(t.Context(), `select exists (select from rollcall_state.approval q
			join rollcall_state.approval_pair p on p.approval = q.id
			where q.kind = 'went_back' and q.state = 'waiting' and p.list = 'group:1' and p.op = 'remove')`).Scan(&asked)
		return err == nil && asked
	})
	wait(t, "the opt-out", func() bool { return len(w.sim.ListAddresses(account, board)) == 3 })
	w.wantOn(t, "after a rollback", board, lotte, rosa, ulla)
	w.wantNoViolations(t)
	w.stop(t)
}

// A truncated table holds removals, whichever table it is: here nobody has a
// membership type any more.
func TestATruncatedTableOnTheStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.exec(t, "truncate chamber.member_type")
	w.settle(t, time.Minute)
	w.wantOn(t, "after a table was truncated", gold, lena, lotte, rosa, ulla)
	var kind string
	if err := w.member.QueryRow(t.Context(), "select kind from rollcall_state.approval where state = 'waiting'").Scan(&kind); err != nil || kind != "source" {
		t.Errorf("asked %q, %v; want a question about the source", kind, err)
	}
	w.stop(t)
}

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/pgtest"
)

// command runs a command of the program with the configuration.
func (w *world) command(t *testing.T, args ...string) (out string, exit int) {
	t.Helper()
	return w.plain(t, append(args, "--config", w.config)...)
}

// plain runs a command of the program.
func (w *world) plain(t *testing.T, args ...string) (out string, exit int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	var text bytes.Buffer
	command.Stdout, command.Stderr = &text, &text
	if err := command.Run(); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			t.Fatal(err)
		}
		return text.String(), failed.ExitCode()
	}
	return text.String(), 0
}

// adopt runs rollcall adopt, and wants it to succeed.
func (w *world) adopt(t *testing.T, as string) {
	t.Helper()
	if out, exit := w.command(t, "adopt", as, "--yes"); exit != 0 {
		t.Fatalf("adopt: exit code %d: %s", exit, out)
	}
}

// reconfigure replaces texts in the configuration.
func (w *world) reconfigure(t *testing.T, pairs ...string) {
	t.Helper()
	text, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(text, []byte(pairs[i])) {
			t.Fatalf("the configuration has no %s", pairs[i])
		}
	}
	if err := os.WriteFile(w.config, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// moveToCopy goes on with a copy of the member database and the state in it. A
// slot is not copied, and its name is the original's.
func (w *world) moveToCopy(t *testing.T) {
	t.Helper()
	var slot string
	if err := w.member.QueryRow(t.Context(), "select slot from rollcall_state.installation").Scan(&slot); err != nil {
		t.Fatal(err)
	}
	w.must(t, w.member.Close(t.Context()))
	original := w.db
	w.db = original.Copy(t)
	w.member = w.db.Conn(t)
	pairs := []string{original.URL, w.db.URL}
	if slot != "" { // triggers need none
		pairs = append(pairs, slot, pgtest.Slot(t))
	}
	w.reconfigure(t, pairs...)
}

// refuses starts the program and wants it to end without a request.
func (w *world) refuses(t *testing.T, because string) {
	t.Helper()
	w.sim.Reset()
	w.log.Reset()
	w.start(t)
	var exit *exec.ExitError
	if err := w.process.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ends with %v, want exit code 1", err)
	}
	if !strings.Contains(w.log.String(), because) {
		t.Errorf("the log does not say %q:\n%s", because, w.log)
	}
	if n := len(w.sim.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// asked says whether a question of the kind waits, or was withdrawn, about
// somebody and a list.
func (w *world) asked(t *testing.T, kind, state, address, list, op string) bool {
	t.Helper()
	var asked bool
	err := w.states().QueryRow(t.Context(), `select exists (select from rollcall_state.approval q
		join rollcall_state.approval_pair p on p.approval = q.id
		where q.kind = $1 and q.state = $2 and p.address = $3 and p.list = $4 and p.op = $5)`, kind, state, address, list, op).Scan(&asked)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

// Started on a copy of the database, with the state and its tokens, the program
// calls nobody: no request, no refresh, not by connect or probe either.
func TestACopyOfTheDatabaseCallsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	redirect := w.oauthConfig(t)
	w.must(t, w.sim.SetApp(ccsim.App{Key: theApp, Secret: "zz-canary-secret", RedirectURIs: []string{redirect}}))
	w.connect(t)
	w.start(t)
	w.settle(t, time.Minute)
	w.stop(t)
	w.moveToCopy(t)
	w.must(t, w.sim.ExpireTokens(account))
	w.exec(t, "update chamber.group_membership set disabled = true")
	w.refuses(t, "another database")
	for _, args := range [][]string{{"connect", "--association", "1", "--agreed-by", "Olive Office"}, {"disconnect", "--association", "1"}, {"probe", "--association", "1", "--yes"}} {
		if out, exit := w.command(t, args...); exit == 0 {
			t.Errorf("%s works on a copy: %s", args[0], out)
		}
	}
	if n := len(w.sim.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}

	// A copy on which somebody asks is not adopted.
	if out, exit := w.command(t, "adopt", "--restored"); exit != 2 || !strings.Contains(out, "--yes") {
		t.Errorf("without an answer: exit code %d: %s", exit, out)
	}
	w.refuses(t, "another database")
	w.adopt(t, "--restored")
	w.start(t)
	w.settle(t, time.Minute)
	if n := len(w.sim.Requests()); n == 0 {
		t.Error("no request after it was adopted")
	}
	w.stop(t)
}

// A backup was loaded: nobody is taken off, and nobody whom we took off is put
// back, before somebody agrees. Whoever opted out goes at once.
func TestARestoredDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.exec(t, disable, rosa)
	w.settle(t, time.Minute)
	w.wantOn(t, "before", board, lena, lotte, ulla)
	w.stop(t)
	w.moveToCopy(t)
	w.exec(t, strings.Replace(disable, "true", "false", 1), rosa)
	w.exec(t, disable, lotte)
	w.exec(t, "update chamber.rep set opted_out = true where email = $1", lena)
	w.refuses(t, "another database")
	w.adopt(t, "--restored")
	w.start(t)
	wait(t, "the questions", func() bool {
		return w.asked(t, "went_back", "waiting", lotte, "group:1", "remove") && w.asked(t, "went_back", "waiting", rosa, "group:1", "add")
	})
	wait(t, "the opt-out", func() bool { return len(w.sim.ListAddresses(account, board)) == 2 })
	w.settle(t, time.Minute)
	w.wantOn(t, "after the backup was loaded", board, lotte, ulla)
	w.wantNoViolations(t)
	w.stop(t)
	var by, as string
	if err := w.member.QueryRow(t.Context(), "select adopted_by, adopted_as from rollcall_state.installation where adopted_at > now() - interval '1 hour'").Scan(&by, &as); err != nil || by == "" || as != "restored" {
		t.Errorf("on record: adopted by %q as %q, %v", by, as, err)
	}
}

const disable = "update chamber.group_membership set disabled = true where rep_id = (select rep_id from chamber.rep where email = $1)"

// The database has moved: everything is looked at. Nobody is taken off before
// everything was compared; then nobody is asked any more.
func TestAMovedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.stop(t)
	w.moveToCopy(t)
	w.exec(t, disable, lotte)
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
	w.adopt(t, "--failover")
	w.start(t)
	wait(t, "the change", func() bool { return len(w.sim.ListAddresses(account, allActive)) == 5 })
	wait(t, "the end of the comparison", func() bool { return len(w.sim.ListAddresses(account, board)) == 3 })
	if !w.asked(t, "source", "withdrawn", lotte, "group:1", "remove") {
		t.Error("the removal was not held")
	}
	if n := w.count(t, `select count(*) from rollcall_state.intent i join rollcall_state.activity a on a.id = i.activity
		where i.op = 'remove' and a.created_at < (select max(ended_at) from rollcall_state.run where kind = 'reconcile' and state = 'done')`); n > 0 {
		t.Errorf("%d removals before everything was compared", n)
	}
	w.settle(t, time.Minute)
	w.compare(t)
	w.stop(t)
}

// The state's rows begin with the source's name: under another one nothing would
// be known of who left.
func TestAnotherNameIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	w.stop(t)
	w.reconfigure(t, "name: chamber", "name: harbour")
	w.refuses(t, `is on record as "chamber"`)
	w.moveToCopy(t)
	w.refuses(t, `is on record as "chamber"`)
}

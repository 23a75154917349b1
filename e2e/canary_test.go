package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/cli"
	"rollcall/internal/config"
)

// canary marks what must not be found anywhere: every datum of a member and
// every secret has it, in one of its spellings.
const canary = "zz-canary@example.org"

// isTrace reports what of the marked data a text has. All tokens of the
// simulator begin alike.
func isTrace(text string) string {
	lower := strings.ToLower(text)
	for _, mark := range []string{"zz-canary", "zzcanary", "eyj", "an-access-token", "refresh-", "@", "%40", strings.ToLower(masterKey)} {
		if i := strings.Index(lower, mark); i >= 0 {
			return text[max(0, i-300):min(len(text), i+100)]
		}
	}
	return ""
}

// wantNoTrace looks at each line of a log. Every program that these tests start
// logs where it is looked at, whatever the test is about.
func wantNoTrace(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if trace := isTrace(line); trace != "" {
			t.Errorf("the log has a trace: %s", trace)
		}
	}
}

// masterKey is the one of oauthConfig.
var masterKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

// fillMarked makes people of whom every value is marked, also in the ways in
// which a row cannot be used.
func fillMarked(ctx context.Context, conn *pgx.Conn) error {
	if err := fillFlawed(ctx, conn); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, `
create function chamber.marked(email text, active boolean) returns bigint language sql as $$
	insert into chamber.rep (association_id, member_id, first_name, last_name, job_title, phone, street, city, state, zip, country, email, active)
	values (1, 2, 'Zzcanary-first', 'Zzcanary-last', 'zzcanary-job', 'zzcanary-phone', 'zzcanary-street', 'zzcanary-city',
		'zzcanary-state', 'zzcanary-zip', repeat('zzcanary-country', 20), $1, $2) returning rep_id $$;
insert into chamber.member (association_id, name, status) values (1, 'Zzcanary Works', 'active');
insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 2, 1);
insert into chamber.group_membership (association_id, group_id, rep_id) values
	(1, 1, chamber.marked('zz-canary@example.org', true)), (1, 1, chamber.marked(' ZZ-Canary.Two@Example.org ', true)),
	(1, 1, chamber.marked('zz-canary.gone@example.org', true)), (1, 1, chamber.marked('zz-canary.left@example.org', true)),
	(1, 1, chamber.marked('zz-canary.moved@example.org', true)), (1, 1, chamber.marked('zz-canary.null@example.org', null)),
	(1, 1, chamber.marked('zz-canary.out@example.org', true)),
	(1, 1, chamber.marked('zz-canary (at) example.org', true)), (1, 1, chamber.marked('zz-canary;zz-canary2@example.org', true)),
	(1, 1, chamber.marked(repeat('zz-canary', 7) || '@example.org', true)), (1, 1, chamber.marked('info@zz-canary.example.org', true));
insert into chamber.twice select chamber.marked('zz-canary.twice@example.org', true)`)
	return err
}

// No token, no secret and no datum of a member is in any line of the log, in any
// error of a command, in any metric or in any free text of the state, whatever goes wrong. The
// log is read as the program writes it, before the last line of defence.
func TestNoTraceOfAnybody(t *testing.T) {
	t.Parallel()
	w := newInside(t, "marked", fillMarked, true)
	w.markPassword(t)
	w.config.Rules.RemovalThresholds = config.Thresholds{Few: 1, Percent: 1, Many: 500, Small: 1} // much is asked about
	w.watchable()
	w.config.Rules.SendPhone, w.config.Rules.SendAddress = true, true
	w.sim.SetSwitches(ccsim.Switches{RoleImports: ccsim.RoleCorrectable, EnforceAbuseGuard: true})
	w.must(t, w.connectInside(t.Context()))
	// What exists there before is asked about.
	w.must(t, w.sim.CreateList(account, board))
	w.must(t, w.sim.AddContact(account, "zz-canary.foreign@example.org", board))
	w.must(t, w.sim.FaultsAtRandom(2, 0.25, time.Second, ccsim.FaultThrottled, ccsim.Fault500, ccsim.Fault503, ccsim.FaultHTML502, ccsim.FaultResetBefore,
		ccsim.FaultResetAfter, ccsim.FaultTruncated, ccsim.FaultSlow, ccsim.FaultActivityFailed, ccsim.FaultActivityErrors, ccsim.FaultUnauthorized))
	stop := w.run(t)
	wait(t, "the first people", func() bool { return len(w.sim.ListAddresses(account, allActive)) > 5 })
	for _, kind := range []ccsim.FaultKind{ccsim.Fault500, ccsim.FaultResetAfter, ccsim.FaultHTML502, ccsim.FaultTruncated} {
		w.must(t, w.sim.Fault(ccsim.Fault{Method: "POST", PathPrefix: "/v3/activities", Kind: kind}))
	}
	_ = w.sim.Unsubscribe(account, "zz-canary.gone@example.org")
	_ = w.sim.Leave(account, "zz-canary.left@example.org", allActive)
	_ = w.sim.DeleteContact(account, canary)
	w.exec(t, "update chamber.rep set email = 'zz-canary.new@example.org' where email = 'zz-canary.moved@example.org'")
	w.exec(t, "update chamber.rep set opted_out = true where email = 'zz-canary.out@example.org'")
	w.exec(t, "update chamber.rep set last_name = repeat('zzcanary', 20), active = not active where member_id = 2")
	w.exec(t, "update chamber.group_membership set disabled = true")
	w.exec(t, "select rollcall.sync_now('1')")
	w.exec(t, "select rollcall.sync_now('zz-canary@example.org')")
	w.commands(t)
	before := len(w.sim.Requests())
	wait(t, "calls", func() bool { return len(w.sim.Requests()) > before+10 })
	const written = `select count(*) from rollcall_state.run
		where exists (select from rollcall_state.run_count) and exists (select from rollcall_state.approval)
			and exists (select from rollcall_state.request where answer is not null)`
	wait(t, "a run, a question and the answer to a request", func() bool { return w.count(t, written) > 0 })
	w.exec(t, "update chamber.rep set active = true")
	w.exec(t, "truncate chamber.group_membership")
	// Things break: a view, the grant, the simulator.
	w.exec(t, "alter view rollcall.group_members rename to group_members_gone")
	before = len(w.sim.Requests())
	wait(t, "calls", func() bool {
		return len(w.sim.Requests()) > before+5 || strings.Contains(w.raw.String(), "group_members")
	})
	w.exec(t, "alter view rollcall.group_members_gone rename to group_members")
	w.must(t, w.sim.Revoke(account, ""))
	const ended = "select count(*) from rollcall_state.connection where state = 'needs_reconnecting'"
	w.exec(t, "select rollcall.touch('all', null)")
	wait(t, "the end of the connection", func() bool { return w.count(t, ended) == 1 })
	w.commands(t)
	for _, path := range []string{"/metrics", "/readyz"} {
		status, shown := get(w.raw.String(), path)
		if status == 0 || len(shown) < 100 {
			t.Errorf("%s answered %d with %d bytes", path, status, len(shown))
		}
		if trace := isTrace(shown); trace != "" {
			t.Errorf("%s has a trace: %s", path, trace)
		}
	}
	stop()

	log := w.raw.String()
	if n := strings.Count(log, "\n"); n < 25 || !strings.Contains(log, "reps=") || !strings.Contains(log, "err=") {
		t.Errorf("the log has %d lines", n)
	}
	w.wantNoTraceInState(t)
}

// markPassword gives the database a password that is marked; the server of the
// tests asks for none.
func (w *inside) markPassword(t *testing.T) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("zz-canary-password\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.world.config)
	if err != nil {
		t.Fatal(err)
	}
	marked := strings.Replace(string(text), "source: {", "source: {password: {file: "+file+"}, ", 1)
	if err := os.WriteFile(w.world.config, []byte(marked), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.config, err = config.Load(w.world.config); err != nil {
		t.Fatal(err)
	}
}

// commands runs the commands that an operator has, with what fails too, and
// looks at what they say of errors. What they print on the standard output is
// about people.
func (w *inside) commands(t *testing.T) {
	t.Helper()
	failed := 0
	for _, args := range [][]string{
		{"plan"},
		{"check"},
		{"check", "--json"},
		{"runs"},
		{"runs", "99"},
		{"approvals", "list"},
		{"approvals", "show", "99"},
		{"approvals", "approve", "99"},
		{"explain", canary},
		{"explain", "zz-canary.nobody@example.org"},
		{"explain", "zz-canary (at) example.org"},
		{"trace", "zz-canary"},
		{"trace", canary},
		{"healthcheck", "--ready"},
		{"sync", "zz-canary"},
		{"sync", "1"},
		{"reconcile", "--association", "zz-canary"},
		{"allow-back", "zz-canary.nobody@example.org"},
		{"allow-back", "zz-canary.left@example.org", "--list", "zz-canary"},
		{"retry", "zz-canary.nobody@example.org"},
		{"retry", canary},
		{"export", "--list", "zz-canary"},
		{"connect", "--association", "1", "--agreed-by", "zz-canary", "--paste", "--wait", "1ms"},
		{"connect", "--association", "1", "--paste"},
		{"disconnect", "--association", "zz-canary"},
		{"run", "--config", w.world.config + ".zz-canary"},
	} {
		if args[0] != "run" {
			args = append(args, "--config", w.world.config)
		}
		var out, errText bytes.Buffer
		p := cli.Program{Stdin: strings.NewReader("http://127.0.0.1/callback?code=zz-canary&state=zz-canary\n"), Stdout: &out, Stderr: &errText, Now: w.clock.now, User: "olive"}
		code := p.Main(args)
		if code != cli.ExitOK {
			failed++
		}
		// What was given on the command line may come back.
		said := errText.String()
		for _, arg := range args[1:] {
			said = strings.ReplaceAll(said, arg, "…")
		}
		if trace := isTrace(said); trace != "" {
			t.Errorf("rollcall %s (exit %d) says %s", strings.Join(args, " "), code, trace)
		}
	}
	if failed < 8 {
		t.Errorf("%d commands failed: their errors were to be looked at", failed)
	}
}

// wantNoTraceInState looks at the texts of the state that people and programs
// read without knowing that they are about somebody.
func (w *inside) wantNoTraceInState(t *testing.T) {
	t.Helper()
	for what, statement := range map[string]string{
		"approvals":   "select detail || ' ' || decided_by from rollcall_state.approval",
		"runs":        "select detail || ' ' || asked_by || ' ' || counts from rollcall_state.run",
		"run counts":  "select what || ' ' || reason from rollcall_state.run_count",
		"activities":  "select concat_ws(' ', outcome, counters) from rollcall_state.activity",
		"alarms":      "select detail from rollcall_state.alarm",
		"connections": "select detail from rollcall_state.connection",
		"problems":    "select reason from rollcall_state.rep_problem",
		"answers":     "select answer::text from rollcall_state.request where answer is not null",
		"leases":      "select concat_ws(' ', holder, serves, wanted_by) from rollcall_state.lease",
	} {
		rows, err := w.member.Query(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		if len(texts) == 0 && what != "alarms" {
			t.Errorf("the state has no %s to look at", what)
		}
		for _, text := range texts {
			if trace := isTrace(text); trace != "" {
				t.Errorf("the state's %s have a trace: %s", what, trace)
			}
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	officePassword = "correct horse battery"
	// startPatience is how long a program may take until it answers.
	startPatience = 2 * time.Minute
)

// The accounts that the associations are connected to.
var accounts = map[string]string{"1": "harbour", "2": "hill"}

// people are two associations, of which nothing is synced yet.
const people = `
insert into chamber.association (name) values ('Harbour Chamber'), ('Hill Chamber');
insert into chamber.sync_options (association_id, newsletter_solution) values (1, 'none'), (2, 'none');
insert into chamber.membership_type (association_id, name) values (1, 'Gold'), (2, 'Gold');
insert into chamber.member (association_id, name, status) values (1, 'Rope Works', 'active'), (2, 'Quarry', 'active');
insert into chamber.member_type (association_id, member_id, membership_type_id) values (1, 1, 1), (2, 2, 2);
insert into chamber.rep (association_id, member_id, first_name, last_name, email)
    select a, a, 'Person', 'Number' || to_char(n, 'FM00'), 'person' || to_char(n, 'FM00') || '@hill' || a || '.example.org'
    from generate_series(1, 2) a, generate_series(1, 30) n order by a, n;
insert into chamber.rep_group (association_id, name, sync) values (1, 'Committee', false), (2, 'Committee', false);
insert into chamber.group_membership (association_id, group_id, rep_id)
    select association_id, association_id, rep_id from chamber.rep where last_name <= 'Number20';`

// installation is a program that runs on a member database of its own, with a
// simulated Constant Contact.
type installation struct {
	console, sim     string // http://host:port
	rollcall, config string // the program, its configuration
	member           *pgx.Conn
}

// install makes a member database beside the one of server, and starts all that is
// on it, as an operator would: with commands.
func install(ctx context.Context, t *testing.T, rollcall, server string) *installation {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	u, err := url.Parse(server)
	must(err)
	admin, err := pgx.Connect(ctx, server)
	must(err)
	const name = "office"
	_, err = admin.Exec(ctx, "create database "+name)
	must(err)
	must(admin.Close(ctx))
	u.Path = "/" + name
	in := &installation{rollcall: rollcall, console: "http://" + freeAddress(t), sim: "http://" + freeAddress(t)}
	in.member, err = pgx.Connect(ctx, u.String())
	must(err)
	t.Cleanup(func() { _ = in.member.Close(context.WithoutCancel(ctx)) })
	schema, err := os.ReadFile("../../sql/reference/01_schema.sql")
	must(err)
	in.exec(ctx, t, string(schema)+people)

	in.run(ctx, t, "", "init", "--reference", "--url", u.String(), "--slot", name)
	dir := t.TempDir()
	in.config = filepath.Join(dir, "rollcall.yaml")
	u.User = url.User("rollcall")
	for file, text := range map[string]string{
		"secret": "sim-secret", "master": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
		"rollcall.yaml": fmt.Sprintf(`source: {name: office, url: %q, slot: %s}
state: {master_keys: [{file: %s/master}]}
constant_contact:
  api_url: %s/v3
  keys: [{name: main, client_id: demo-key, client_secret: {file: %[3]s/secret}, auth_url: "%[4]s/oauth2/default/v1", redirect_url: "%s/oauth/callback"}]
  connections: [{association: "1"}, {association: "2"}]
pace: {linger: 500ms}
metrics: {listen: "off"}
console: {listen: %q}
rules: {removal_thresholds: {few: 2, percent: 10}}
`, u.String(), name, dir, in.sim, in.console, strings.TrimPrefix(in.console, "http://")),
	} {
		must(os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	in.background(ctx, t, in.sim+"/_sim/counts", rollcall, "sim", "--listen", strings.TrimPrefix(in.sim, "http://"), "--account", accounts["1"],
		"--secret", "sim-secret", "--redirect-uri", in.console+"/oauth/callback", "--delay", "100ms")
	in.order(ctx, t, "accounts", map[string]string{"account": accounts["2"], "api_key": "demo-key", "token": "hill-token"})
	in.background(ctx, t, in.console+"/login", rollcall, "run", "--config", in.config)
	return in
}

// addUsers adds an admin, and for each association somebody who looks.
func (in *installation) addUsers(ctx context.Context, t *testing.T) {
	t.Helper()
	in.run(ctx, t, officePassword, "users", "add", "olive", "--role", "admin", "--config", in.config)
	for association := range accounts {
		in.run(ctx, t, officePassword, "users", "add", "vera"+association, "--role", "viewer", "--association", association, "--config", in.config)
	}
}

// run runs a command to its end.
func (in *installation) run(ctx context.Context, t *testing.T, stdin string, args ...string) {
	t.Helper()
	command := exec.CommandContext(ctx, in.rollcall, args...)
	command.Stdin = strings.NewReader(stdin)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("rollcall %s: %v: %s", args, err, out)
	}
}

// background runs a program until the test ends, and waits until it answers.
func (in *installation) background(ctx context.Context, t *testing.T, answers, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(ctx, program, args...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	var said output
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was told to end
		if t.Failed() {
			t.Logf("rollcall %s:\n%s", args[0], said.text())
		}
	})
	deadline, tick := time.After(startPatience), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(answers); err == nil {
			res.Body.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("rollcall %s does not answer at %s", args[0], answers)
		}
	}
}

// output is what a program says; its end is kept.
type output struct {
	mu  sync.Mutex
	all []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, b...)
	return len(b), nil
}

func (o *output) text() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.all[max(0, len(o.all)-4000):])
}

// exec changes the member database, as the member software would.
func (in *installation) exec(ctx context.Context, t *testing.T, statement string) {
	t.Helper()
	if _, err := in.member.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

// order changes something in the simulator.
func (in *installation) order(ctx context.Context, t *testing.T, what string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	in.ask(ctx, t, http.MethodPost, what, bytes.NewReader(text), nil)
}

// onList are the addresses on a list in the simulator.
func (in *installation) onList(ctx context.Context, t *testing.T, account, list string) (addresses []string) {
	t.Helper()
	in.ask(ctx, t, http.MethodGet, "accounts/"+account+"/lists/"+url.PathEscape(list), nil, &addresses)
	return addresses
}

func (in *installation) ask(ctx context.Context, t *testing.T, method, what string, body io.Reader, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, in.sim+"/_sim/"+what, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if into != nil {
		err = json.NewDecoder(res.Body).Decode(into)
	}
	if err != nil || res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("the simulator answers %s %s with %s (%v)", method, what, res.Status, err)
	}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

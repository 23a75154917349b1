package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"rollcall/internal/ccsim"
	"rollcall/internal/localpg"
	"rollcall/internal/pgtest"
	"rollcall/sink/constantcontact/oauth"
	"rollcall/sql"
)

// The scripts of testdata/connect have a member database with the contract, and a
// simulated Constant Contact with the accounts harbour and hill.
func TestConnectScripts(t *testing.T) {
	server := pgtest.Server(t, nil)
	var databases atomic.Int64 // scripts run side by side
	testscript.Run(t, testscript.Params{
		Dir: "testdata/connect",
		Setup: func(e *testscript.Env) error {
			o, err := newOffice(e, server, fmt.Sprint("office", databases.Add(1)))
			e.Values[officeKey{}] = o
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "signs-in": signsIn, "holds-lease": holdsLease, "query": query,
		},
		RequireExplicitExec: true,
	})
}

type officeKey struct{}

// office is what a script works with.
type office struct {
	sim *ccsim.Sim
	url string // of the database
}

func newOffice(e *testscript.Env, server *localpg.Server, name string) (*office, error) {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, server.URL("postgres"))
	if err != nil {
		return nil, err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "create database "+name); err != nil {
		return nil, err
	}
	o := &office{sim: ccsim.New(ccsim.Config{Now: time.Now}), url: server.URL(name)}
	conn, err := pgx.Connect(ctx, o.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := conn.Exec(ctx, script); err != nil {
			return nil, err
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	redirect := "http://" + free.Addr().String() + "/callback"
	if err := free.Close(); err != nil {
		return nil, err
	}
	for _, account := range []string{"harbour", "hill"} {
		o.sim.AddAccount(account, "", "")
	}
	for _, account := range []string{"valley", "meadow"} {
		o.sim.AddAccount(account, "an-application", "token-of-"+account)
	}
	if err := o.sim.SetApp(ccsim.App{Key: "an-application", Secret: "zz-canary-secret", RedirectURIs: []string{redirect}}); err != nil {
		return nil, err
	}
	sim := httptest.NewServer(o.sim.Handler())
	e.Defer(sim.Close)
	e.Setenv("DATABASE_URL", o.url)
	e.Setenv("SIM", sim.URL)
	e.Setenv("REDIRECT", redirect)
	e.Setenv("CLIENT_SECRET", "zz-canary-secret")
	e.Setenv("STATIC_TOKEN", "token-of-valley")
	e.Setenv("MASTER_KEY", strings.Repeat("0123456789abcdef", 4))
	text, err := os.ReadFile("testdata/connect/rollcall.yaml")
	if err != nil {
		return nil, err
	}
	config := os.Expand(string(text), func(name string) string {
		return map[string]string{"DATABASE_URL": o.url, "SIM": sim.URL, "REDIRECT": redirect}[name]
	})
	return o, os.WriteFile(e.WorkDir+"/rollcall.yaml", []byte(config), 0o600)
}

// signsIn runs the program and is the person at the browser, for an account, or
// refuses: signs-in 0 harbour [paste|code|foreign] rollcall connect ... What the
// program prints is in the files out and err.
func signsIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signs-in code account how program [args...]")
	}
	o := ts.Value(officeKey{}).(*office)
	o.sim.SetConsent(&ccsim.Consent{Account: args[1], Deny: args[1] == "nobody"})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, args[3], args[4:]...)
	command.Dir = ts.Getenv("WORK")
	for _, name := range []string{"CLIENT_SECRET", "MASTER_KEY", "PATH", "HOME", "TMPDIR"} {
		command.Env = append(command.Env, name+"="+ts.Getenv(name))
	}
	var errText bytes.Buffer
	command.Stderr = &errText
	in, err := command.StdinPipe()
	ts.Check(err)
	pipe, err := command.StdoutPipe()
	ts.Check(err)
	out := bufio.NewReader(pipe)
	ts.Check(command.Start())
	var outText strings.Builder
	if address := findAddress(out, &outText); address != "" {
		ts.Check(browse(o, address, args[2], in))
	}
	_ = in.Close()
	_, _ = io.Copy(&outText, out)
	code := 0
	if err := command.Wait(); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run: %v", err)
		}
		code = exit.ExitCode()
	}
	ts.Check(os.WriteFile(ts.MkAbs("out"), []byte(outText.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), errText.Bytes(), 0o600))
	for _, word := range []string{"zz-canary", "eyJ", ts.Getenv("MASTER_KEY")} {
		if strings.Contains(outText.String()+errText.String(), word) {
			ts.Fatalf("a secret is shown: %s %s", outText.String(), errText.String())
		}
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exits with %d, want %s: %s %s", code, args[0], outText.String(), errText.String())
	}
}

// findAddress reads what is printed up to the redirect URI, and returns the
// address before it.
func findAddress(out *bufio.Reader, text *strings.Builder) (address string) {
	for seen := 0; ; {
		line, err := out.ReadString('\n')
		text.WriteString(line)
		if strings.HasPrefix(line, "  http") {
			if seen++; seen == 1 {
				address = strings.TrimSpace(line)
			}
		}
		if err != nil || seen == 2 {
			return address
		}
	}
}

// browse opens the address like a browser, and brings back what it is sent to.
func browse(o *office, address, how string, in io.Writer) error {
	browser := &http.Client{}
	var at *url.URL
	browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		at = r.URL
		if how == "paste" || how == "code" {
			return http.ErrUseLastResponse
		}
		return nil
	}
	get := func(address string) error {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		r.Header.Set("User-Agent", "browser/1")
		answer, err := browser.Do(r)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	if how == "foreign" {
		asked, err := url.Parse(address)
		if err != nil {
			return err
		}
		if err := get(asked.Query().Get("redirect_uri") + "?code=of-somebody-else&state=theirs"); err != nil {
			return err
		}
	}
	if err := get(address); err != nil {
		return err
	}
	switch how {
	case "paste":
		_, err := fmt.Fprintln(in, at)
		return err
	case "code":
		_, err := fmt.Fprintln(in, at.Query().Get("code"))
		return err
	}
	return nil
}

// holdsLease makes another process hold the lease of the key, and never give it
// up: it renews it as often as it is asked about.
func holdsLease(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: holds-lease key")
	}
	o := ts.Value(officeKey{}).(*office)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, o.url)
	ts.Check(err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `insert into rollcall_state.lease (key, holder, serves, token, held_since, expires_at)
		values ($1, 'rollcall run on another.example.org, process 7', 'chamber', 1, '2026-06-30 12:00Z', '2026-06-30 12:00Z')
		on conflict (key) do update set holder = excluded.holder, serves = excluded.serves, token = lease.token + 1, held_since = excluded.held_since`, args[0])
	ts.Check(err)
	// A renewal whenever anybody asks: the wish is written to the row.
	_, err = conn.Exec(ctx, `create function rollcall_state.renew() returns trigger language plpgsql as
		'begin new.renewals := old.renewals + 1; return new; end'`)
	ts.Check(err)
	_, err = conn.Exec(ctx, "create trigger renew before update on rollcall_state.lease for each row execute function rollcall_state.renew()")
	ts.Check(err)
}

// query wants an answer from the database: query 'text' 'select ...'.
func query(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: query answer statement")
	}
	o := ts.Value(officeKey{}).(*office)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, o.url)
	ts.Check(err)
	defer conn.Close(ctx)
	var got string
	ts.Check(conn.QueryRow(ctx, args[1]).Scan(&got))
	if got != args[0] {
		ts.Fatalf("%s is %q, want %q", args[1], got, args[0])
	}
}

func TestPastedTexts(t *testing.T) {
	attempt := oauth.NewAttempt()
	good := url.Values{"code": {"a code+1"}, "state": {attempt.State}}.Encode()
	for text, want := range map[string]string{
		"http://localhost:8410/callback?" + good: "a code+1",
		good:                                     "a code+1",
		"abc-123":                                "abc-123",
	} {
		if code, err := pasted(attempt, text); err != nil || code != want {
			t.Errorf("%q: %q, %v", text, code, err)
		}
	}
	for text, want := range map[string]string{
		"": "nothing was pasted",
		"http://localhost:8410/callback?code=x&state=another":                             "state of the callback",
		"http://localhost:8410/callback?error=access_denied&state=" + attempt.State:       "access_denied",
		"http://localhost:8410/callback?%zz":                                              "not an address",
		"http://localhost:8410/callback?" + url.Values{"state": {attempt.State}}.Encode(): "no code",
	} {
		if code, err := pasted(attempt, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v", text, code, err)
		}
	}
}

// Only the browser's answer to this attempt counts.
func TestCallback(t *testing.T) {
	attempt := oauth.NewAttempt()
	c := &callback{attempt: attempt, path: "/callback", result: make(chan result, 1)}
	ask := func(method, target string) int {
		rec := httptest.NewRecorder()
		c.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
		if rec.Header().Get("Content-Security-Policy") == "" || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", rec.Header())
		}
		return rec.Code
	}
	good := "/callback?" + url.Values{"code": {"x"}, "state": {attempt.State}}.Encode()
	for target, want := range map[string]int{"/": 404, "/favicon.ico": 404, "/callback": 400, "/callback?code=y&state=z": 400} {
		if got := ask("GET", target); got != want {
			t.Errorf("%s answered %d", target, got)
		}
	}
	if got := ask("POST", good); got != 404 || len(c.result) > 0 {
		t.Errorf("POST answered %d", got)
	}
	if first, again := ask("GET", good), ask("GET", good); first != 200 || again != 200 {
		t.Errorf("answered %d and %d", first, again)
	}
	if code, err := c.wait(t.Context()); code != "x" || err != nil {
		t.Errorf("got %q, %v", code, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.wait(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

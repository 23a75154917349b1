package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/pgtest"
)

// oauthConfig is a configuration with an application instead of a token. It
// returns where the browser is to be sent back to.
func (w *world) oauthConfig(t *testing.T) (redirect string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret": "zz-canary-secret", "master": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	redirect = "http://" + free.Addr().String() + "/callback"
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	w.config = filepath.Join(dir, "rollcall.yaml")
	text := fmt.Sprintf(`source: {name: chamber, url: "%s", slot: %s}
%sstate: {master_keys: [{file: %s}]}
constant_contact:
  api_url: http://%s/v3
  keys: [{name: main, client_id: an-application, client_secret: {file: %s}, auth_url: "http://%s/oauth2/default/v1", redirect_url: "%s"}]
  connections: [{association: "1"}]
pace: {linger: 500ms}
metrics: {listen: "off"}
console: {listen: "off"}
rules: {removal_thresholds: {off: true}} # random office work would be asked about
`, w.db.URL, pgtest.Slot(t), capture(), dir+"/master", w.address, dir+"/secret", w.address, redirect)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return redirect
}

// connect runs rollcall connect, and is the person who signs in to the account.
func (w *world) connect(t *testing.T) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	w.sim.SetConsent(&ccsim.Consent{Account: account})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, path, "connect", "--config", w.config, "--association", "1", "--agreed-by", "Olive Office", "--wait", "50s")
	var errText bytes.Buffer
	command.Stderr = &errText
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for addresses := 0; lines.Scan(); {
		address, found := strings.CutPrefix(lines.Text(), "  http")
		if !found {
			continue
		}
		if addresses++; addresses > 1 {
			continue
		}
		// The listener is there before the address is printed.
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("User-Agent", "browser/1")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("connect: %v: %s", err, errText.String())
	}
}

func (w *world) count(t *testing.T, statement string) (n int) {
	t.Helper()
	if err := w.states().QueryRow(t.Context(), statement).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// An account is connected, its grant is revoked, and it is connected again while
// the program runs: one alert, no call in between, everything queued, and in the
// end everybody where they belong.
func TestGrantIsRevokedAndGivenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	redirect := w.oauthConfig(t)
	if err := w.sim.SetApp(ccsim.App{Key: "an-application", Secret: "zz-canary-secret", RedirectURIs: []string{redirect}}); err != nil {
		t.Fatal(err)
	}
	w.connect(t)
	w.start(t)
	w.settle(t, time.Minute)
	w.compare(t)

	if err := w.sim.Revoke(account, ""); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
	const ended = "select count(*) from rollcall_state.connection where state = 'needs_reconnecting'"
	wait(t, "the end of the connection", func() bool { return w.count(t, ended) == 1 })
	calls := len(w.sim.Requests())
	w.exec(t, "update chamber.rep set active = false where email = 'rosa@example.org'")
	const queued = "select count(*) from rollcall_state.dirty where address in ('nora@example.org', 'rosa@example.org')"
	wait(t, "the queue", func() bool { return w.count(t, queued) == 2 })
	w.connect(t)
	// One exchange of the code, with the page of the consent, and two calls for
	// the check.
	if made := len(w.sim.Requests()) - calls; made > 4 {
		t.Errorf("%d requests while the account was not connected", made-4)
	}
	w.settle(t, 2*time.Minute)
	w.compare(t)
	w.stop(t)
	log := w.log.String()
	if n := strings.Count(log, "account has to be connected again"); n != 1 {
		t.Errorf("%d alerts", n)
	}
	for _, word := range []string{"zz-canary", "eyJ", "@example.org"} {
		if strings.Contains(log, word) {
			t.Errorf("the log has %q", word)
		}
	}
}

// Three installations with one API key and one state database: never more than
// four requests in any second, each gets its turn, and the calls are counted.
func TestThreeSendersOnOneKey(t *testing.T) {
	t.Parallel()
	state := pgtest.Database(t)
	var worlds []*world
	for i := range 3 {
		w := newWorld(t, "small", fillSmall)
		worlds = append(worlds, w)
		name := fmt.Sprint("harbour", i)
		w.sim = worlds[0].sim
		if i > 0 {
			w.address = worlds[0].address
		}
		w.sim.AddAccount(name, "key", "token-of-"+name)
		token := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(token, []byte("token-of-"+name), 0o600); err != nil {
			t.Fatal(err)
		}
		w.config = filepath.Join(t.TempDir(), "rollcall.yaml")
		text := fmt.Sprintf(`source: {name: chamber%d, url: "%s", slot: %s}
state: {url: "%s"}
constant_contact:
  api_url: http://%s/v3
  connections: [{association: "1", access_token: {file: %s}}]
pace: {linger: 500ms}
metrics: {listen: "off"}
console: {listen: "off"}
`, i, w.db.URL, pgtest.Slot(t), state.URL, w.address, token)
		if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.start(t)
	}
	sim := worlds[0].sim
	on := func(i int) int { return len(sim.ListAddresses(fmt.Sprint("harbour", i), allActive)) }
	for i := range worlds {
		wait(t, "the first sync of each", func() bool { return on(i) == 4 })
	}
	for i, w := range worlds {
		w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
		wait(t, "a change of each", func() bool { return on(i) == 5 })
	}
	for _, w := range worlds {
		w.stop(t)
	}
	for _, v := range sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
	conn := state.Conn(t)
	var counted, sources, token int
	err := conn.QueryRow(t.Context(), `select (select sum(taken) from rollcall_state.budget), (select count(distinct source) from rollcall_state.budget_share),
		(select token from rollcall_state.lease where key like 'api_key/%')`).Scan(&counted, &sources, &token)
	if err != nil {
		t.Fatal(err)
	}
	if made := len(sim.Requests()); counted < made || counted > made+5 || sources != 3 || token < 4 {
		t.Errorf("%d calls counted, %d made, by %d sources, token %d", counted, made, sources, token)
	}
}

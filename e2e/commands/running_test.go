package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/ccsim"
	"rollcall/internal/chamber"
	"rollcall/internal/cli"
	"rollcall/internal/config"
	"rollcall/internal/pgtest"
)

// What commands ask for is done by the program that runs beside, and they can
// wait for its report.
func TestCommandsWaitForTheRunningProgram(t *testing.T) {
	db := pgtest.Template(t, "sixty", func(ctx context.Context, conn *pgx.Conn) error {
		if err := member(ctx, conn); err != nil {
			return err
		}
		_, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 7, Associations: 1, Reps: 60, Groups: 2})
		return err
	})
	sim := ccsim.New(ccsim.Config{Now: time.Now, Delay: 100 * time.Millisecond})
	sim.AddAccount("harbour", "key", "an-access-token")
	server := httptest.NewServer(sim.Handler())
	defer server.Close()
	dir := t.TempDir()
	token, path := filepath.Join(dir, "token"), filepath.Join(dir, "rollcall.yaml")
	text := fmt.Sprintf(`source: {name: chamber, url: %q, slot: %s, capture: %s}
constant_contact: {api_url: %q, connections: [{association: "1", access_token: {file: %q}}]}
pace: {linger: 200ms}
metrics: {listen: "off"}
console: {listen: "off"}
`, db.URL, pgtest.Slot(t), pgtest.Capture(), server.URL+"/v3", token)
	for name, content := range map[string]string{token: "an-access-token\n", path: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	running, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	}()

	command := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		p := cli.Program{Stdin: new(bytes.Buffer), Stdout: &out, Stderr: &errs, Now: time.Now, User: "carla"}
		if code := p.Main(append(args, "-c", path)); code != want {
			t.Fatalf("%v exits with %d, want %d: %s%s", args, code, want, out.String(), errs.String())
		}
		return out.String(), errs.String()
	}
	out, _ := command(0, "reconcile", "--wait", "--timeout", "2m")
	if !strings.Contains(out, "reconcile, all lists") || !strings.Contains(out, "Asked for by carla") || !strings.Contains(out, ", done.") {
		t.Errorf("reconcile reports %s", out)
	}
	group := ""
	if err := db.Conn(t).QueryRow(t.Context(), "select ref from rollcall_state.list where kind = 'group' and state = 'bound' order by key limit 1").Scan(&group); err != nil {
		t.Fatal(err)
	}
	out, _ = command(0, "sync", group, "--yes", "--wait", "--timeout", "2m", "--json")
	var answer struct {
		State string
		Run   struct {
			Kind, State string
			AskedBy     string `json:"asked_by"`
		}
	}
	if err := json.Unmarshal([]byte(out), &answer); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if answer.State != "done" || answer.Run.Kind != "sync_now" || answer.Run.State != "done" || answer.Run.AskedBy != "carla" {
		t.Errorf("sync reports %s", out)
	}
	out, _ = command(0, "runs")
	for _, kind := range []string{"reconcile", "sync_now"} {
		if !strings.Contains(out, kind) {
			t.Errorf("runs have no %s: %s", kind, out)
		}
	}
	// Switched off meanwhile: the running program refuses.
	db.Exec(t, "update chamber.sync_options set sync_all_active = false, sync_membership_types = false, sync_groups = false")
	_, errs := command(1, "reconcile", "--wait", "--timeout", "2m")
	if !strings.Contains(errs, "switched off") {
		t.Errorf("reconcile is refused with %s", errs)
	}
	for _, v := range sim.Violations() {
		t.Errorf("the referee saw %s: %s", v.Rule, v.Detail)
	}
}

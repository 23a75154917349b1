package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/internal/localpg"
	"rollcall/sql"
)

// What init makes, check has nothing to say about.
func TestInitThenCheck(t *testing.T) {
	server, err := localpg.Start(t.Context(), localpg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := server.URL("postgres")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql.Reference()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := chamber.Generate(t.Context(), conn, chamber.Options{Seed: 3, Associations: 1, Reps: 50, Groups: 3}); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "rollcall.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `source:
  name: chamber
  url: %s
constant_contact:
  connections:
    - association: "1"
      access_token: {file: %s}
`, strings.Replace(url, "postgres@", "rollcall@", 1), config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args string
		code int
		want string
	}{
		{"check --config " + config, ExitFailure, "login_refused"}, // there is no role yet
		{"init --reference --print --url " + url, ExitOK, "create role rollcall"},
		{"check --config " + config, ExitFailure, "login_refused"}, // and still none
		{"init --reference --url " + url, ExitOK, "made the schema rollcall, the publication and the role, and the slot rollcall"},
		{"init --reference --on-removed keep --url " + url, ExitOK, "brought the schema rollcall and the publication up to date\nset in the configuration:\nrules:\n  on_removed: keep\n"},
		{"check --config " + config, ExitOK, ""},
	} {
		var out, errs bytes.Buffer
		if code := Main(strings.Fields(step.args), &out, &errs); code != step.code || !strings.Contains(out.String(), step.want) {
			t.Errorf("rollcall %s exits with %d, want %d:\n%s%s", step.args, code, step.code, &out, &errs)
		}
		if step.want == "" && server.Version() > 14 && out.String() != "nothing found\n" {
			t.Errorf("rollcall %s:\n%s", step.args, &out)
		}
	}
}

package e2e

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rollcall/internal/pgtest"
)

var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// The quick start works as it is written, on a fresh server. Only the ports are
// others, which may be in use where tests run.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bash", "make", "psql", "createdb", "dropdb"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed: the quick start is not tried", name)
		}
	}
	page, err := os.ReadFile("../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Quick start")
	section, _, ended := strings.Cut(section, "## For real")
	if !found || !ended {
		t.Fatal("the page has no quick start")
	}
	var script strings.Builder
	script.WriteString("set -eum -o pipefail\n")
	for _, block := range consoleBlock.FindAllStringSubmatch(section, -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimPrefix(line, "$ ")
			switch {
			case strings.HasPrefix(line, "./rollcall sim "):
				line = strings.Replace(line, "sim ", "sim --listen "+freePort(t)+" ", 1)
			case line == "make build\n":
				line = "" // the program is built
			case line == "END\n":
				line = "metrics: {listen: '" + freePort(t) + "'}\nconsole: {listen: '" + freePort(t) + "'}\nEND\n"
			case line == "wait\n":
				line = "wait %1 || true; wait %2\n" // a planned stop is none that failed
			}
			script.WriteString(line)
		}
	}
	text := script.String()
	listen := regexp.MustCompile(`--listen (\S+)`).FindStringSubmatch(text)
	text = strings.ReplaceAll(text, "127.0.0.1:8089", listen[1])

	dir := t.TempDir()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{program: "rollcall", filepath.Join(root, "sql"): "sql", filepath.Join(root, "docs"): "docs"} {
		if err := os.Symlink(from, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	server := pgtest.Server(t, nil)
	u, err := url.Parse(server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-c", text)
	command.Dir = dir
	command.Env = append(os.Environ(), "PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(), "HOME="+dir)
	out, err := command.CombinedOutput()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "rollcall.log"))
		t.Fatalf("%v\n%s\nthe script:\n%s\nthe log:\n%s", err, out, text, tail(log, 3000))
	}
	for _, want := range []string{"stream: ok: this process reads it", "Board", "ada.new@example.org"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the quick start does not show %q:\n%s", want, out)
		}
	}
}

// freePort is an address that nobody had a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall/internal/config"
	"rollcall/internal/httpserver"
)

const smallConfig = "source: {name: chamber, url: 'postgres://r@localhost/members'}\n"

func writeSmall(t *testing.T, path, more string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(smallConfig+more), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The level changes while the program runs; what needs a restart is named, and a
// file with problems changes nothing.
func TestReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	writeSmall(t, path, "")
	running, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	level := &slog.LevelVar{}
	log := loggerAt(&out, level, "json")
	last := func() (line struct {
		Msg          string
		Level        string
		NeedsRestart []string `json:"needs_restart"`
	},
	) {
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		return line
	}

	writeSmall(t, path, "log: {level: debug}\npace: {linger: 9s}\n")
	reload(path, running, level, log)
	if got := last(); level.Level() != slog.LevelDebug || len(got.NeedsRestart) != 1 || got.NeedsRestart[0] != "pace.linger" {
		t.Errorf("level %s, said %+v", level.Level(), got)
	}
	writeSmall(t, path, "log: {level: loud}\n")
	reload(path, running, level, log)
	if got := last(); level.Level() != slog.LevelDebug || !strings.HasPrefix(got.Msg, "configuration cannot be read again") {
		t.Errorf("level %s, said %+v", level.Level(), got)
	}
	writeSmall(t, path, "log: {level: error}\n")
	reload(path, running, level, log)
	if level.Level() != slog.LevelError {
		t.Errorf("level %s", level.Level())
	}
}

func TestHangup(t *testing.T) {
	heard := make(chan struct{}, 1)
	stop := onHangup(t.Context(), func() { heard <- struct{}{} })
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-heard:
	case <-time.After(10 * time.Second):
		t.Error("the signal was not heard")
	}
}

func TestHealthcheck(t *testing.T) {
	ready := httpserver.Report{Ready: true, Checks: []httpserver.Check{{Name: "stream", OK: true, Reason: "this process reads it"}}}
	server := httptest.NewServer((&httpserver.Server{Ready: func() httpserver.Report { return ready }, Log: slog.New(slog.DiscardHandler)}).Handler())
	defer server.Close()
	path := filepath.Join(t.TempDir(), "rollcall.yaml")
	listen := strings.TrimPrefix(server.URL, "http://")
	check := func(args ...string) (code int, out, errText string) {
		var o, e bytes.Buffer
		p := Program{Stdout: &o, Stderr: &e, Now: time.Now}
		code = p.Main(append([]string{"healthcheck", "--config", path}, args...))
		return code, o.String(), e.String()
	}
	writeSmall(t, path, "metrics: {listen: '"+listen+"'}\n")
	if code, out, errText := check(); code != ExitOK || out != "alive\n" {
		t.Errorf("exit %d, %q, %q", code, out, errText)
	}
	if code, out, _ := check("--ready"); code != ExitOK || out != "stream: ok: this process reads it\n" {
		t.Errorf("exit %d, %q", code, out)
	}
	ready = httpserver.Report{Checks: []httpserver.Check{{Name: "stream", Reason: "nobody reads it"}}, Notes: []string{"association 1: its account is not connected (disconnected)"}}
	if code, out, errText := check("--ready"); code != ExitFailure || !strings.Contains(out, "stream: NOT OK: nobody reads it\nnote: ") || !strings.Contains(errText, "503") {
		t.Errorf("exit %d, %q, %q", code, out, errText)
	}
	if code, out, _ := check("--ready", "--json"); code != ExitFailure || !strings.Contains(out, `"ok": false`) || !strings.Contains(out, "nobody reads it") {
		t.Errorf("in JSON: exit %d, %q", code, out)
	}
	writeSmall(t, path, "metrics: {listen: 'off'}\n")
	if code, _, errText := check(); code != ExitUsage || !strings.Contains(errText, "metrics.listen") {
		t.Errorf("exit %d, %q", code, errText)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	writeSmall(t, path, "metrics: {listen: '"+free.Addr().String()+"'}\n")
	_ = free.Close()
	if code, _, _ := check(); code != ExitFailure {
		t.Errorf("exit %d of a program that is not there", code)
	}
}

// A program that does not answer is not waited for longer than was said.
func TestHealthcheckIsBounded(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := askHealth(ctx, server.URL); err == nil {
		t.Error("it answered")
	}
}

func TestLocalAddress(t *testing.T) {
	for listen, want := range map[string]string{
		":9464": "127.0.0.1:9464", "0.0.0.0:9464": "127.0.0.1:9464", "[::]:9464": "127.0.0.1:9464", "127.0.0.1:9464": "127.0.0.1:9464", "10.0.0.7:1": "10.0.0.7:1",
	} {
		if got := local(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

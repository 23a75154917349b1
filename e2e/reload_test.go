package e2e

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The log level changes while the program runs, and what it does is not interrupted.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "reload", fillSmall)
	w.edit(t, "pace: {linger: 500ms}", "log: {format: json}\npace: {linger: 500ms}")
	log := &text{}
	w.startInto(t, log)
	w.settle(t, time.Minute)
	w.edit(t, "log: {format: json}", "log: {format: json, level: debug}")
	w.signal(t, syscall.SIGHUP)
	wait(t, "the reload", func() bool {
		return strings.Contains(log.String(), `"msg":"configuration was read again","level":"debug","needs_restart":[]`)
	})
	w.exec(t, "update chamber.rep set active = false where email = 'rosa@example.org'")
	w.settle(t, time.Minute)
	w.compare(t)
	w.stop(t)
	if !strings.Contains(log.String(), `"msg":"stopped"`) {
		t.Error("the program was not there to stop")
	}
}

// edit changes a text of the configuration.
func (w *world) edit(t *testing.T, from, to string) {
	t.Helper()
	before, err := os.ReadFile(w.config)
	if err != nil {
		t.Fatal(err)
	}
	after := strings.Replace(string(before), from, to, 1)
	if after == string(before) {
		t.Fatalf("the configuration has no %s", from)
	}
	if err := os.WriteFile(w.config, []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := w.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

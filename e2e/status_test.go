package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rollcall/internal/cli"
	"rollcall/internal/pgtest"
)

// While the program runs and nothing waits, status says so with its first line
// and its exit code; once the program has stopped it says that nobody reads.
func TestStatusOfARunningProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.start(t)
	w.settle(t, time.Minute)
	status := func() (code int, out string) {
		var b, errText bytes.Buffer
		p := cli.Program{Stdin: strings.NewReader(""), Stdout: &b, Stderr: &errText, Now: time.Now, User: "olive"}
		return p.Main([]string{"status", "--config", w.config}), b.String() + errText.String()
	}
	being, nobody := " is being read; ", "nobody reads the slot"
	if pgtest.ByTriggers() {
		being, nobody = " is being moved; ", "nobody moves the log of changes"
	}
	code, out := status()
	if code != cli.ExitOK || !strings.HasPrefix(out, "All is well · source chamber · ") || !strings.Contains(out, being) {
		t.Errorf("status exits with %d:\n%s", code, out)
	}
	w.stop(t)
	w.unread(t)
	code, out = status()
	if code != cli.ExitFailure || !strings.Contains(out, nobody) || !strings.Contains(out, "nobody calls with the API key main") {
		t.Errorf("after the stop status exits with %d:\n%s", code, out)
	}
}

// unread waits until the server has noticed that nobody reads the slot.
func (w *world) unread(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		var active bool
		err := w.member.QueryRow(t.Context(), "select coalesce(bool_or(active), false) from pg_replication_slots where database = current_database()").Scan(&active)
		if err != nil {
			t.Fatal(err)
		}
		if !active {
			return
		}
		select {
		case <-deadline:
			t.Fatal("the slot is still read")
		case <-tick.C:
		}
	}
}

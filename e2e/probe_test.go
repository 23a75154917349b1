package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/internal/cli"
	"rollcall/internal/probe"
)

// An account is probed while the program runs: the two take turns with the API
// key, the switches are found, and nothing is changed but what the probe made.
func TestProbeOfARunningProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	w.sim.SetSwitches(ccsim.Switches{CursorDropsInclude: true, RoleImports: ccsim.RoleError, ConflictForm: ccsim.ConflictBare})
	w.start(t)
	w.settle(t, time.Minute)
	w.must(t, w.sim.Unsubscribe(account, ulla))
	lists := w.sim.ListNames(account)

	var out, errText bytes.Buffer
	p := cli.Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errText, Now: time.Now, User: "olive"}
	if code := p.Main([]string{"probe", "--config", w.config, "--association", "1", "--wait", "50s", "--json"}); code != cli.ExitOK {
		t.Fatalf("exit code %d: %s", code, errText.String())
	}
	var report probe.Report
	w.must(t, json.Unmarshal(out.Bytes(), &report))
	set := map[string]any{}
	raw, err := json.Marshal(w.sim.Switches())
	w.must(t, err)
	w.must(t, json.Unmarshal(raw, &set))
	determined := 0
	for _, position := range report.Positions {
		if !position.Determined || position.Switch == "early_export_400" { // where the file was there at once, it is not
			continue
		}
		determined++
		if want := set[position.Switch]; position.Value != want {
			t.Errorf("%s is %v, want %v: %s", position.Switch, position.Value, want, position.Seen)
		}
	}
	// Nobody is deleted there, and one person unsubscribed is too few to say.
	if determined != 16 || len(report.Positions) != len(set) {
		t.Errorf("%d of %d positions are determined: %s", determined, len(report.Positions), out.String())
	}
	w.exec(t, "update chamber.rep set active = false where email = $1", rosa)
	w.settle(t, time.Minute)
	w.wantOn(t, "after the probe", allActive, lena, lotte)
	if after := w.sim.ListNames(account); !slices.Equal(after, lists) {
		t.Errorf("lists are %q, were %q", after, lists)
	}
	w.wantNoViolations(t)
	w.stop(t)
}

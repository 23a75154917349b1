package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"rollcall/internal/cli"
	"rollcall/internal/demo"
)

// The demo is what a newcomer sees first: everything in it comes out as wanted.
func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := cli.Program{Stdin: strings.NewReader(""), Stdout: &out, Stderr: io.Discard, Now: time.Now, User: "olive"}
	if code := p.Main([]string{"demo", "--json"}); code != cli.ExitOK {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	var report demo.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	if !report.OK || report.Violations != 0 || report.FirstSync.Missing != 0 || report.FirstSync.Wrong != 0 || report.FirstSync.Contacts == 0 || len(report.Outcomes) < 10 {
		t.Errorf("the demo reports %s", &out)
	}
}

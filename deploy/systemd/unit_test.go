package systemd

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The unit is shut in as far as a service that needs the network can be.
func TestUnitIsShutIn(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: the unit is not rated")
	}
	const most = "15" // an exposure of 1.5
	out, err := exec.Command(analyze, "security", "--offline=true", "--no-pager", "--threshold="+most, "rollcall.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
	if !regexp.MustCompile(`Overall exposure level for rollcall\.service: [0-9]+\.[0-9]`).Match(out) {
		t.Errorf("it rates nothing: %s", out)
	}
}

// Secrets come as credentials, a reload is a SIGHUP, and a wrong configuration is
// not tried again and again.
func TestUnitRunsTheProgram(t *testing.T) {
	text, err := os.ReadFile("rollcall.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"ExecStart=/usr/bin/rollcall run --config /etc/rollcall/rollcall.yaml", "ExecReload=/bin/kill -HUP $MAINPID",
		"LoadCredential=rollcall:/etc/rollcall/credentials", "RestartPreventExitStatus=2", "DynamicUser=yes",
	} {
		if !strings.Contains(string(text), "\n"+line+"\n") {
			t.Errorf("the unit has no line %s", line)
		}
	}
}

package e2e

import "os"

// capture is what a configuration says about how changes are captured: this is
// the one place where the tests choose. CAPTURE=triggers takes triggers; without
// it the program's default holds, which is logical replication.
func capture() string {
	if how := os.Getenv("CAPTURE"); how != "" {
		return "capture: " + how + "\n"
	}
	return ""
}

package pgtest

import "os"

// ByTriggers says how tests are to have changes captured: CAPTURE=triggers in the
// environment is by triggers; CAPTURE=replication, or nothing, is by replication.
// It panics when the environment says something else, or half of the tests would
// test what nobody meant.
func ByTriggers() bool {
	switch capture := os.Getenv("CAPTURE"); capture {
	case "triggers":
		return true
	case "", "replication":
		return false
	default:
		panic("CAPTURE is " + capture + "; it must be replication or triggers")
	}
}

// Capture is the same as the configuration says it.
func Capture() string {
	if ByTriggers() {
		return "triggers"
	}
	return "replication"
}

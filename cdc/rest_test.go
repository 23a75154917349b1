package cdc

import (
	"testing"
	"time"
)

// A mover looks at the log in time, rests under load, and works off a full log at once.
func TestMoverRests(t *testing.T) {
	m, err := NewMover(MoverConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		took, want time.Duration
		more       bool
	}{
		{time.Millisecond, defaultEvery, false},
		{50 * time.Millisecond, 450 * time.Millisecond, false},
		{time.Minute, restLog, false},
		{time.Minute, 0, true},
	} {
		if got := m.next(c.took, c.more); got != c.want {
			t.Errorf("after a pass of %s, more %v: rests %s, want %s", c.took, c.more, got, c.want)
		}
	}
}

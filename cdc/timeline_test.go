package cdc

import "testing"

func TestBranch(t *testing.T) {
	history := []byte("1\t0/3000148\tno recovery target specified\n\n# a comment\n2\t1/A0\tbefore 2026-11-26 09:00:00+00\n")
	for _, c := range []struct {
		from int32
		at   LSN
		ok   bool
	}{{1, 0x3000148, true}, {2, 0x1_000000A0, true}, {3, 0, false}} {
		if at, ok, err := branch(history, c.from); at != c.at || ok != c.ok || err != nil {
			t.Errorf("timeline %d was left at %s, %v, %v; want %s, %v", c.from, at, ok, err, c.at, c.ok)
		}
	}
	for _, bad := range []string{"one\t0/1\tx\n", "1\tnowhere\tx\n"} {
		if _, _, err := branch([]byte(bad), 1); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

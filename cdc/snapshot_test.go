package cdc

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestParseSnapshot(t *testing.T) {
	s, err := ParseSnapshot("10:20:12,11,15")
	if err != nil || s.Xmin != 10 || s.Xmax != 20 || !slices.Equal(s.Xip, []uint64{11, 12, 15}) {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := ParseSnapshot("8589934600:8589934600:"); err != nil || s.Xmax != 1<<33+8 || len(s.Xip) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, text := range []string{"", "10:20", "10:20:12:13", "a:20:", "10:b:", "10:20:c", "10:20:12;13"} {
		if _, err := ParseSnapshot(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestWidenAroundTheWrap(t *testing.T) {
	const epoch = 1 << 32
	for _, c := range []struct {
		xmax uint64
		xid  uint32
		want uint64
	}{
		{1000, 900, 900},
		{1000, 1000, 1000},
		{1000, 1100, 1100}, // decoded before the snapshot knew of it
		{epoch + 5, 0xfffffff0, epoch - 16},
		{epoch + 5, 7, epoch + 7},
		{epoch - 5, 3, epoch + 3}, // decoded before the snapshot knew of the wrap
		{epoch - 5, 0xfffffffe, epoch - 2},
		{3*epoch + 5, 0xfffffff0, 3*epoch - 16},
	} {
		if got := (Snapshot{Xmax: c.xmax}).Widen(c.xid); got != c.want {
			t.Errorf("widen %d at xmax %d: %d, want %d", c.xid, c.xmax, got, c.want)
		}
	}
}

// Any transaction less than 2^31 away from the snapshot gets its full id back.
func TestWidenGivesTheFullIDBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xmax := rapid.Uint64Range(1<<31, 1<<40).Draw(t, "xmax")
		away := rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "away")
		full := uint64(int64(xmax) + away)
		if got := (Snapshot{Xmax: xmax}).Widen(uint32(full)); got != full {
			t.Errorf("%d came back as %d", full, got)
		}
	})
}

func TestVisible(t *testing.T) {
	s := Snapshot{Xmin: 10, Xmax: 20, Xip: []uint64{10, 12}}
	for xid, want := range map[uint64]bool{9: true, 10: false, 11: true, 12: false, 19: true, 20: false, 21: false} {
		if got := s.Visible(xid); got != want {
			t.Errorf("visible(%d) = %t", xid, got)
		}
	}
}

package cdc

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ParseSnapshot reads the text of a pg_snapshot, "xmin:xmax:xip,xip…".
func ParseSnapshot(text string) (Snapshot, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return Snapshot{}, fmt.Errorf("parse snapshot %q: want xmin:xmax:xips", text)
	}
	var s Snapshot
	var err error
	if s.Xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return Snapshot{}, fmt.Errorf("parse xmin of snapshot: %w", err)
	}
	if s.Xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return Snapshot{}, fmt.Errorf("parse xmax of snapshot: %w", err)
	}
	for xip := range strings.SplitSeq(parts[2], ",") {
		if xip == "" {
			continue
		}
		id, err := strconv.ParseUint(xip, 10, 64)
		if err != nil {
			return Snapshot{}, fmt.Errorf("parse xip of snapshot: %w", err)
		}
		s.Xip = append(s.Xip, id)
	}
	slices.Sort(s.Xip)
	return s, nil
}

// Widen gives the 32-bit transaction id of the stream its epoch: the full id
// nearest to the snapshot's xmax, before or after it.
func (s Snapshot) Widen(xid uint32) uint64 {
	return s.Xmax + uint64(int64(int32(xid-uint32(s.Xmax))))
}

// Visible says whether the snapshot shows what the transaction, which
// committed, has done. What one snapshot shows every later one shows.
func (s Snapshot) Visible(xid uint64) bool {
	if xid < s.Xmin {
		return true
	}
	if xid >= s.Xmax {
		return false
	}
	_, inProgress := slices.BinarySearch(s.Xip, xid)
	return !inProgress
}

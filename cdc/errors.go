package cdc

import (
	"errors"
	"fmt"
)

// Errors of a stream that waiting does not mend. Each comes wrapped in what was
// tried and what to do.
var (
	ErrWALLevel           = errors.New("wal_level is not logical")
	ErrNoReplication      = errors.New("the role may not replicate")
	ErrPublicationMissing = errors.New("publication is missing")
	ErrSlotMissing        = errors.New("slot is missing")
	ErrSlotLost           = errors.New("slot has lost its write-ahead log")
	ErrSlotForeign        = errors.New("slot belongs to something else")
	ErrSlotWaits          = errors.New("slot cannot be created while older transactions are open")
	ErrKeyNotPublished    = errors.New("watched column is not published")
	ErrProtocol           = errors.New("stream cannot be decoded")
	// ErrWatchesChanged ends Run after a change of rollcall.watches: everything
	// before it is durable. Read the watches, touch everything, run again.
	ErrWatchesChanged = errors.New("watches changed")
)

// problem is an error of the list above with what to do about it.
func problem(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}

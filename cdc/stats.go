package cdc

import "sync/atomic"

// Stats are what a reader has done and where it is. They may be read at any
// time.
type Stats struct {
	Received     atomic.Uint64 // LSN: the server sent everything before it
	Durable      atomic.Uint64 // LSN: everything before it is stored and acknowledged
	Transactions atomic.Int64
	Changes      atomic.Int64
	Batches      atomic.Int64
	Ignored      atomic.Int64 // logical messages that were not for us
	Connects     atomic.Int64
}

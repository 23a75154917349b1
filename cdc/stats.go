package cdc

import "sync/atomic"

// Stats are what a reader has done and where it is. They may be read at any
// time; the counters never go back.
type Stats struct {
	Received     atomic.Uint64 // LSN: the server sent everything before it
	Durable      atomic.Uint64 // LSN: everything before it is stored
	Transactions atomic.Int64  // stored; once more for each replay
	Changes      atomic.Int64  // rows of published tables, likewise
	Batches      atomic.Int64  // stored, those with only a position included
	Ignored      atomic.Int64  // logical messages that were not for us
	Refused      atomic.Int64  // requests that asked for nothing that there is
	Connects     atomic.Int64  // streams begun: 1 and one for each reconnect
	Streaming    atomic.Bool   // a stream is open; false while standing by or connecting again
}

package cdc

import (
	"context"
	"time"

	"github.com/jackc/pglogrepl"
)

// LSN is a position in the write-ahead log.
type LSN = pglogrepl.LSN

// Kind says what a touched key names.
type Kind string

// The kinds of key that a watch may yield.
const (
	KindRep         Kind = "rep"
	KindMember      Kind = "member"
	KindGroup       Kind = "group"
	KindAssociation Kind = "association"
	KindAddress     Kind = "address" // with a resolve statement only
	KindAll         Kind = "all"     // no key: everything
)

// Watch is one row of rollcall.watches: what a changed row of a table touches.
type Watch struct {
	Table   string   // "schema.table"
	Keys    []string // watched key columns, in the order of Resolve's parameters
	Kind    Kind
	Resolve string // SQL from the key values to ids; empty: the one key is the id
}

// Touched is one key that committed transactions changed. For the kind all Key
// is empty, but never nil.
type Touched struct {
	Kind Kind
	// Via is empty when Key is the id itself, else Watch.Via of the watch
	// whose resolve statement turns Key into ids.
	Via string
	Key []string
	// XIDs are the full transaction ids of the changes that were not yet
	// visible to a snapshot when the batch was saved.
	XIDs []uint64
	// End is the highest commit LSN of the transactions that touched it.
	End LSN
	// CommitTime is the earliest commit time among the changes.
	CommitTime time.Time
}

// Request is a logical message with the prefix "rollcall", or a row of the log of
// changes: somebody asks for something by SQL. The content is what the sender wrote, at most 1 KiB, not
// yet checked.
type Request struct {
	Content    []byte
	XID        uint64 // full transaction id; zero when already visible
	LSN        LSN
	CommitTime time.Time
	// Digest tells requests of the log of changes apart, where LSN is that of many.
	// Zero on the stream, where each message has its own.
	Digest uint64
}

// Store makes what the reader saw durable.
type Store interface {
	// Save stores the batch's keys and requests and the position Batch.End in
	// one transaction. Only after it returned nil is the slot acknowledged. An
	// error ends the stream, which begins again at the acknowledged position.
	// The batch is used again as soon as Save has returned.
	Save(ctx context.Context, b *Batch) error
	// Position is the highest position that was ever stored; ok is false when
	// there is none.
	Position(ctx context.Context) (durable LSN, ok bool, err error)
}

// Snapshot is what a Postgres snapshot shows: pg_current_snapshot().
type Snapshot struct {
	Xmin, Xmax uint64
	Xip        []uint64 // in progress, sorted
}

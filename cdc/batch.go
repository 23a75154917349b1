package cdc

import (
	"encoding/binary"
	"iter"
	"time"
	"unicode/utf8"
)

// Batch is what a stretch of the stream touched, each key once.
type Batch struct {
	// End is the commit end LSN of the last transaction that is complete in
	// this batch or an earlier one. It is the position to store.
	End          LSN
	Transactions int // complete in this batch
	Changes      int // rows of published tables, and truncated tables
	Requests     []Request
	// Truncated says that a watched table was truncated. Touched then has the
	// kind all; rows that vanish so are worth a second look before anybody is
	// removed for it.
	Truncated bool

	targets  []target
	index    map[string]int32
	entries  []entry
	weight   int
	refused  int
	snapshot Snapshot
	scratch  []byte
}

// target is what the keys of one kind of entry name.
type target struct {
	kind Kind
	via  string
}

// everything is the index of the target that has no key. Each list of targets
// begins with it.
const everything = 0

// entry is one touched key. Most are touched by one transaction only.
type entry struct {
	key   string // target, then the values with their lengths
	xid   uint32
	more  []uint32
	end   LSN
	first int64 // earliest commit time, microseconds since 2000
}

const (
	// maxKeyBytes is how long the values of a key may be. A longer one fits no
	// index of the state, so everything is touched instead.
	maxKeyBytes = 1024
	// keyBytes of a key or a request weigh as much as one more short key.
	keyBytes = 64
)

func newBatch(targets []target) *Batch {
	return &Batch{targets: targets, index: map[string]int32{}}
}

// reset empties the batch for the next stretch and keeps its memory.
func (b *Batch) reset() {
	clear(b.index)
	clear(b.entries)
	*b = Batch{targets: b.targets, index: b.index, entries: b.entries[:0], scratch: b.scratch}
}

// empty says that nothing has to be stored but the position.
func (b *Batch) empty() bool { return len(b.entries) == 0 && len(b.Requests) == 0 }

// touch adds a key. A key that the batch has costs no allocation.
func (b *Batch) touch(t int, values [][]byte, xid uint32, end LSN, commit int64) {
	b.scratch = binary.AppendUvarint(b.scratch[:0], uint64(t))
	for _, v := range values {
		b.scratch = binary.AppendUvarint(b.scratch, uint64(len(v)))
		b.scratch = append(b.scratch, v...)
	}
	i, known := b.index[string(b.scratch)]
	if !known {
		if t != everything && !storable(values) {
			b.touch(everything, nil, xid, end, commit)
			return
		}
		key := string(b.scratch)
		b.index[key] = int32(len(b.entries))
		b.entries = append(b.entries, entry{key: key, xid: xid, end: end, first: commit})
		b.weight += 1 + len(key)/keyBytes
		return
	}
	e := &b.entries[i]
	e.end = max(e.end, end)
	e.first = min(e.first, commit)
	last := e.xid
	if len(e.more) > 0 {
		last = e.more[len(e.more)-1]
	}
	if last != xid {
		e.more = append(e.more, xid)
		b.weight++
	}
}

// storable says whether every Postgres can store the values and index them: a
// database without an encoding may send anything.
func storable(values [][]byte) bool {
	n := 0
	for _, v := range values {
		if n += len(v); n > maxKeyBytes || !utf8.Valid(v) {
			return false
		}
	}
	return true
}

// request adds a message that asks for something.
func (b *Batch) request(r Request) {
	b.Requests = append(b.Requests, r)
	b.weight += 2 + maxRequestBytes/keyBytes
}

// see notes what a snapshot taken after the batch was read shows: the
// transactions that it does not show are what Touched reports as XIDs.
func (b *Batch) see(s Snapshot) {
	b.snapshot = s
	for i := range b.Requests {
		r := &b.Requests[i]
		if r.XID = s.Widen(uint32(r.XID)); s.Visible(r.XID) {
			r.XID = 0
		}
	}
}

// Len is the number of touched keys.
func (b *Batch) Len() int { return len(b.entries) }

// Refuse notes how many requests the store dropped because they ask for nothing
// that there is. The reader tells of it.
func (b *Batch) Refuse(requests int) { b.refused += requests }

// Touched goes through the touched keys, each once. Kind all comes when a
// table was truncated or a key could not be told.
func (b *Batch) Touched() iter.Seq[Touched] {
	return func(yield func(Touched) bool) {
		for i := range b.entries {
			if !yield(b.touched(&b.entries[i])) {
				return
			}
		}
	}
}

func (b *Batch) touched(e *entry) Touched {
	n, rest := cutUvarint(e.key)
	t := Touched{Kind: b.targets[n].kind, Via: b.targets[n].via, Key: []string{}, End: e.end, CommitTime: pgTime(e.first)}
	for rest != "" {
		n, rest = cutUvarint(rest)
		t.Key = append(t.Key, rest[:n])
		rest = rest[n:]
	}
	keep := func(xid uint32) {
		if full := b.snapshot.Widen(xid); !b.snapshot.Visible(full) {
			t.XIDs = append(t.XIDs, full)
		}
	}
	keep(e.xid)
	for _, xid := range e.more {
		keep(xid)
	}
	return t
}

// cutUvarint reads what binary.AppendUvarint wrote at the start of s.
func cutUvarint(s string) (n int, rest string) {
	for i := range len(s) {
		n |= int(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
	return n, ""
}

// pgTime is a time of the stream: microseconds since 2000-01-01.
func pgTime(micros int64) time.Time {
	return time.UnixMicro(micros + pgEpoch).UTC()
}

// pgEpoch is 2000-01-01 in microseconds since 1970.
const pgEpoch = 946_684_800_000_000

package cdc

import (
	"encoding/binary"
	"iter"
	"time"
)

// Batch is what a stretch of the stream touched, each key once.
type Batch struct {
	// End is the commit end LSN of the last transaction that is complete in
	// this batch or an earlier one. It is the position to store.
	End          LSN
	Transactions int
	Changes      int
	Requests     []Request
	// Truncated says that a watched table was truncated, or a key could not be
	// told: everything is touched.
	Truncated bool

	targets  []target
	index    map[string]int32
	entries  []entry
	xids     int
	snapshot Snapshot
	first    time.Time // commit time of the oldest transaction
	scratch  []byte
}

// target is what the keys of one kind of entry name.
type target struct {
	kind Kind
	via  string
}

// entry is one touched key. Most are touched by one transaction only.
type entry struct {
	key   string // target, then the values with their lengths
	xid   uint32
	more  []uint32
	end   LSN
	first int64 // commit time, microseconds since 2000
}

func newBatch(targets []target) *Batch {
	return &Batch{targets: targets, index: map[string]int32{}}
}

// reset empties the batch for the next stretch and keeps its memory.
func (b *Batch) reset() {
	clear(b.index)
	clear(b.entries)
	*b = Batch{targets: b.targets, index: b.index, entries: b.entries[:0], scratch: b.scratch}
}

func (b *Batch) empty() bool {
	return len(b.entries) == 0 && len(b.Requests) == 0 && !b.Truncated
}

// touch adds a key. A key that the batch has costs no allocation.
func (b *Batch) touch(t int, values [][]byte, xid uint32, end LSN, commit int64) {
	b.scratch = binary.AppendUvarint(b.scratch[:0], uint64(t))
	for _, v := range values {
		b.scratch = binary.AppendUvarint(b.scratch, uint64(len(v)))
		b.scratch = append(b.scratch, v...)
	}
	i, known := b.index[string(b.scratch)]
	if !known {
		key := string(b.scratch)
		b.index[key] = int32(len(b.entries))
		b.entries = append(b.entries, entry{key: key, xid: xid, end: end, first: commit})
		return
	}
	e := &b.entries[i]
	e.end = max(e.end, end)
	last := e.xid
	if len(e.more) > 0 {
		last = e.more[len(e.more)-1]
	}
	if last != xid {
		e.more = append(e.more, xid)
		b.xids++
	}
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

// Touched goes through the touched keys.
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
	t := Touched{End: e.end, CommitTime: pgTime(e.first)}
	rest := []byte(e.key)
	n, size := binary.Uvarint(rest)
	t.Kind, t.Via = b.targets[n].kind, b.targets[n].via
	for rest = rest[size:]; len(rest) > 0; {
		length, size := binary.Uvarint(rest)
		t.Key = append(t.Key, string(rest[size:size+int(length)]))
		rest = rest[size+int(length):]
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

// pgTime is a time of the stream: microseconds since 2000-01-01.
func pgTime(micros int64) time.Time {
	return time.UnixMicro(micros + 946684800000000).UTC()
}

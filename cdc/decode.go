package cdc

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// RequestPrefix marks the logical messages that are meant for us.
const RequestPrefix = "rollcall"

// maxRequestBytes is how long a request may be; anybody may write messages.
const maxRequestBytes = 1024

// decoder reads pgoutput messages (protocol version 1) and puts the watched
// keys of row changes into a batch. It takes nothing else from a row.
type decoder struct {
	watches   map[string][]Watch // by table
	targets   []target
	relations map[uint32]*relation
	batch     *Batch

	inTxn  bool
	xid    uint32
	final  LSN   // commit LSN of the open transaction
	commit int64 // its commit time, microseconds since 2000

	ignoredMessages int64
	watchesChanged  bool

	oldRow, newRow []field
	values         [][]byte
}

// relation is a table as the stream described it.
type relation struct {
	name    string
	columns int
	watched []watchedKey
	watches bool // rollcall.watches itself
}

type watchedKey struct {
	target  int
	columns []int
	all     bool // kind all: no key
}

// field is one column of a row: 'n' NULL, 'u' unchanged and not sent, 't' or
// 'b' a value.
type field struct {
	kind byte
	data []byte
}

func newDecoder(watches []Watch) (*decoder, error) {
	d := &decoder{watches: map[string][]Watch{}, relations: map[uint32]*relation{}}
	for _, w := range watches {
		if err := w.Validate(); err != nil {
			return nil, err
		}
		d.watches[w.Table] = append(d.watches[w.Table], w)
		if t := (target{w.Kind, w.Via()}); !slices.Contains(d.targets, t) {
			d.targets = append(d.targets, t)
		}
	}
	return d, nil
}

// message decodes one message. An error means that the stream cannot be
// trusted from here on.
func (d *decoder) message(data []byte) error {
	m := message{data: data}
	kind := m.byte()
	switch kind {
	case 'I', 'U', 'D':
		return d.change(kind, &m)
	case 'B':
		d.final = LSN(m.uint64())
		d.commit = int64(m.uint64())
		d.xid = m.uint32()
		d.inTxn = true
	case 'C':
		m.byte()
		m.uint64()
		d.batch.End = max(d.batch.End, LSN(m.uint64()))
		d.batch.Transactions++
		d.inTxn = false
	case 'R':
		return d.relation(&m)
	case 'T':
		return d.truncate(&m)
	case 'M':
		return d.logicalMessage(&m)
	case 'Y', 'O': // types and origins say nothing about keys
		return nil
	default:
		return problem(ErrProtocol, "unknown message %q", kind)
	}
	return m.end(kind)
}

func (d *decoder) relation(m *message) error {
	id := m.uint32()
	schema, table := m.text(), m.text()
	r := &relation{name: schema + "." + table}
	m.byte() // replica identity
	r.columns = int(m.uint16())
	names := make([]string, 0, min(r.columns, 1600))
	for range r.columns {
		m.byte()
		names = append(names, m.text())
		m.uint32()
		m.uint32()
		if m.short {
			break
		}
	}
	if err := m.end('R'); err != nil {
		return err
	}
	r.watches = r.name == WatchesTable
	for _, w := range d.watches[r.name] {
		k := watchedKey{target: slices.Index(d.targets, target{w.Kind, w.Via()}), all: w.Kind == KindAll}
		for _, key := range w.Keys {
			column := slices.Index(names, key)
			if column < 0 {
				return problem(ErrKeyNotPublished, "column %s of %s, which rollcall.watches names; "+
					"add it to the publication's column list (sql/contract/04_publication.sql does), or correct the watch", key, r.name)
			}
			k.columns = append(k.columns, column)
		}
		r.watched = append(r.watched, k)
	}
	d.relations[id] = r
	return nil
}

func (d *decoder) change(kind byte, m *message) error {
	id := m.uint32()
	r := d.relations[id]
	if r == nil {
		return problem(ErrProtocol, "a row of relation %d, which the stream did not describe", id)
	}
	oldRow, newRow := d.oldRow[:0], d.newRow[:0]
	for !m.short && len(m.data) > 0 {
		switch part := m.byte(); {
		case part == 'N' && kind != 'D' && len(newRow) == 0:
			newRow = m.row(newRow)
		case (part == 'K' || part == 'O') && kind != 'I' && len(oldRow) == 0:
			oldRow = m.row(oldRow)
		default:
			return problem(ErrProtocol, "row part %q in a message %q of %s", part, kind, r.name)
		}
	}
	d.oldRow, d.newRow = oldRow, newRow
	if err := m.end(kind); err != nil {
		return fmt.Errorf("row of %s: %w", r.name, err)
	}
	if len(newRow) == 0 && kind != 'D' || len(oldRow) == 0 && kind == 'D' {
		return problem(ErrProtocol, "a message %q of %s without its row", kind, r.name)
	}
	if n := len(newRow); n > 0 && n != r.columns || len(oldRow) > 0 && len(oldRow) != r.columns {
		return problem(ErrProtocol, "a row of %s with another number of columns than described", r.name)
	}
	d.batch.Changes++
	d.seeWatches(r)
	for i := range r.watched {
		if len(oldRow) > 0 {
			d.touch(&r.watched[i], oldRow, nil)
		}
		if len(newRow) > 0 {
			d.touch(&r.watched[i], newRow, oldRow)
		}
	}
	return nil
}

// seeWatches notes a change of the watches. What a new watch would have touched
// before it was known is found by touching everything, which is stored with it.
func (d *decoder) seeWatches(r *relation) {
	if r.watches {
		d.watchesChanged = true
		d.batch.Truncated = true
	}
}

// touch adds the key of one row. A NULL key names nothing. A key that was not
// sent because it did not change is taken from before; where that does not have
// it, nobody knows what was touched, so everything is.
func (d *decoder) touch(k *watchedKey, row, before []field) {
	if k.all {
		d.batch.Truncated = true
		return
	}
	values := d.values[:0]
	for _, c := range k.columns {
		f := row[c]
		if f.kind == 'u' && len(before) > 0 {
			f = before[c]
		}
		switch f.kind {
		case 'n':
			return
		case 'u':
			d.batch.Truncated = true
			return
		}
		values = append(values, f.data)
	}
	d.values = values
	d.batch.touch(k.target, values, d.xid, d.final, d.commit)
}

func (d *decoder) truncate(m *message) error {
	n := m.uint32()
	m.byte()
	for range n {
		id := m.uint32()
		if m.short {
			break
		}
		r := d.relations[id]
		if r == nil {
			return problem(ErrProtocol, "a TRUNCATE of relation %d, which the stream did not describe", id)
		}
		d.seeWatches(r)
		d.batch.Truncated = d.batch.Truncated || len(r.watched) > 0
		d.batch.Changes++
	}
	return m.end('T')
}

func (d *decoder) logicalMessage(m *message) error {
	transactional := m.byte()&1 == 1
	lsn := LSN(m.uint64())
	prefix := m.text()
	content := m.bytes(int(m.uint32()))
	if err := m.end('M'); err != nil {
		return err
	}
	if prefix != RequestPrefix || len(content) > maxRequestBytes || !transactional || !d.inTxn {
		d.ignoredMessages++
		return nil
	}
	d.batch.Requests = append(d.batch.Requests, Request{
		Content: slices.Clone(content), XID: uint64(d.xid), LSN: lsn, CommitTime: pgTime(d.commit),
	})
	return nil
}

// message reads the parts of one message. What is beyond its end reads as zero
// and makes it short.
type message struct {
	data  []byte
	short bool
}

func (m *message) take(n int) []byte {
	if n < 0 || n > len(m.data) {
		m.short, m.data = true, nil
		return nil
	}
	taken := m.data[:n]
	m.data = m.data[n:]
	return taken
}

func (m *message) bytes(n int) []byte { return m.take(n) }

func (m *message) byte() byte {
	if b := m.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (m *message) uint16() uint16 {
	if b := m.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (m *message) uint32() uint32 {
	if b := m.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (m *message) uint64() uint64 {
	if b := m.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (m *message) text() string {
	end := slices.Index(m.data, 0)
	if end < 0 {
		m.take(len(m.data) + 1)
		return ""
	}
	text := string(m.data[:end])
	m.data = m.data[end+1:]
	return text
}

func (m *message) row(fields []field) []field {
	n := int(m.uint16())
	for range n {
		f := field{kind: m.byte()}
		switch f.kind {
		case 'n', 'u':
		case 't', 'b':
			f.data = m.take(int(m.uint32()))
		default:
			m.take(len(m.data) + 1)
		}
		if m.short {
			break
		}
		fields = append(fields, f)
	}
	return fields
}

func (m *message) end(kind byte) error {
	switch {
	case m.short:
		return problem(ErrProtocol, "message %q ends too early", kind)
	case len(m.data) > 0:
		return problem(ErrProtocol, "message %q has %d bytes too many", kind, len(m.data))
	}
	return nil
}

package cdc

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
)

// RequestPrefix marks the logical messages that are meant for us.
const RequestPrefix = "rollcall"

// maxRequestBytes is how long a request may be; anybody may write messages.
const maxRequestBytes = 1024

// decoder reads pgoutput messages (protocol version 1) and puts the watched
// keys of row changes into a batch. It takes nothing else from a row. It lives
// as long as one connection: a new stream describes its relations anew.
type decoder struct {
	watches   map[string][]Watch // by table
	known     map[uint32]known   // watched tables by id, for longer than a connection
	targets   []target
	relations map[uint32]*relation
	batch     *Batch
	log       *slog.Logger

	inTxn  bool
	xid    uint32
	final  LSN   // commit LSN of the open transaction
	commit int64 // its commit time, microseconds since 2000

	ignored        int // logical messages that were not for us
	watchesChanged bool

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

// watchedKey is the key of one watch; without columns it is everything.
type watchedKey struct {
	target  int
	columns []int
	padded  []bool // the column has the type char(n)
}

// charN is the type char(n). The stream pads its values with blanks that do not
// count and that no cast to text keeps, so the views show ids without them.
const charN = 1042

func newDecoder(watches []Watch, log *slog.Logger) (*decoder, error) {
	d := &decoder{
		watches: map[string][]Watch{}, known: map[uint32]known{}, targets: []target{{kind: KindAll}}, relations: map[uint32]*relation{}, log: log,
	}
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
		return d.begin(&m)
	case 'C':
		return d.end(&m)
	case 'R':
		return d.describe(&m)
	case 'T':
		return d.truncate(&m)
	case 'M':
		return d.logical(&m)
	case 'Y': // a type says nothing about keys
		m.uint32()
		m.text()
		m.text()
		return m.end(kind)
	case 'O': // neither does where a transaction came from
		m.uint64()
		m.text()
		return m.end(kind)
	}
	return problem(ErrProtocol, "unknown message %q", kind)
}

func (d *decoder) begin(m *message) error {
	final, commit, xid := LSN(m.uint64()), int64(m.uint64()), m.uint32()
	if err := m.end('B'); err != nil {
		return err
	}
	if d.inTxn {
		return problem(ErrProtocol, "transaction %d begins within transaction %d", xid, d.xid)
	}
	d.inTxn, d.final, d.commit, d.xid = true, final, commit, xid
	return nil
}

func (d *decoder) end(m *message) error {
	m.byte() // no flags so far
	commit, end := LSN(m.uint64()), LSN(m.uint64())
	m.uint64() // commit time, which Begin had
	if err := m.end('C'); err != nil {
		return err
	}
	if !d.inTxn || commit != d.final || end < commit {
		return problem(ErrProtocol, "a commit at %s that ends no transaction", commit)
	}
	d.inTxn = false
	d.batch.End = max(d.batch.End, end)
	d.batch.Transactions++
	return nil
}

func (d *decoder) describe(m *message) error {
	id := m.uint32()
	schema, table := m.text(), m.text()
	r := &relation{name: schema + "." + table}
	m.byte() // replica identity
	r.columns = int(m.uint16())
	var names []string
	var types []uint32
	for range r.columns {
		m.byte() // part of the replica identity or not
		names = append(names, m.text())
		types = append(types, m.uint32())
		m.uint32() // its modifier
		if m.bad {
			break
		}
	}
	if err := m.end('R'); err != nil {
		return fmt.Errorf("description of %s: %w", r.name, err)
	}
	r.watches = r.name == WatchesTable
	for _, w := range d.watches[d.watchedAs(id, r.name)] {
		r.watched = append(r.watched, d.locate(w, names, types))
	}
	d.relations[id] = r
	return nil
}

// known is what a table was called when it was watched.
type known struct {
	name    string
	renamed bool // that was told
}

// watchedAs is the name under which a table is watched. A table that was renamed
// while we followed it is still the same one.
func (d *decoder) watchedAs(id uint32, name string) string {
	before := d.known[id]
	switch {
	case len(d.watches[name]) > 0:
		d.known[id] = known{name, before.renamed}
		return name
	case len(d.watches[before.name]) == 0:
		return name
	case !before.renamed:
		d.known[id] = known{before.name, true}
		d.log.Warn("a watched table was renamed: it is followed until the next start; correct rollcall.watches and run sql/contract/04_publication.sql again",
			"watched", before.name, "table", name)
	}
	return before.name
}

// locate finds the columns of a watch. Where one is not on the stream nobody
// knows what a change touches, so it touches everything. That is no error: the
// older part of the stream stays so after the publication has been mended.
func (d *decoder) locate(w Watch, names []string, types []uint32) watchedKey {
	k := watchedKey{target: slices.Index(d.targets, target{w.Kind, w.Via()})}
	for _, key := range w.Keys {
		column := slices.Index(names, key)
		if column < 0 {
			d.log.Warn("watched column is not published, so each change of the table touches everything; "+
				"run sql/contract/04_publication.sql again or correct rollcall.watches", "table", w.Table, "column", key)
			return watchedKey{target: everything}
		}
		k.columns = append(k.columns, column)
		k.padded = append(k.padded, types[column] == charN)
	}
	return k
}

// relationOf is the described relation of the next message part.
func (d *decoder) relationOf(kind byte, id uint32) (*relation, error) {
	r := d.relations[id]
	switch {
	case r == nil:
		return nil, problem(ErrUnknownRelation, "message %q names relation %d", kind, id)
	case !d.inTxn:
		return nil, problem(ErrProtocol, "message %q of %s outside a transaction", kind, r.name)
	}
	return r, nil
}

func (d *decoder) change(kind byte, m *message) error {
	id := m.uint32()
	if m.bad {
		return m.end(kind)
	}
	r, err := d.relationOf(kind, id)
	if err != nil {
		return err
	}
	oldRow, newRow := d.oldRow[:0], d.newRow[:0]
	part := m.byte()
	if kind != 'I' && (part == 'K' || part == 'O') {
		oldRow = m.row(oldRow)
		if kind == 'U' {
			part = m.byte()
		}
	}
	if kind != 'D' && part == 'N' {
		newRow = m.row(newRow)
	}
	d.oldRow, d.newRow = oldRow, newRow
	if err := m.end(kind); err != nil {
		return fmt.Errorf("row of %s: %w", r.name, err)
	}
	if !r.fits(newRow, kind != 'D') || !r.fits(oldRow, kind == 'D') {
		return problem(ErrProtocol, "message %q of %s has not the rows or columns that it should have", kind, r.name)
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

// fits says whether a row has the columns of its relation. No row at all is in
// order unless it is required.
func (r *relation) fits(row []field, required bool) bool {
	return len(row) == r.columns || len(row) == 0 && !required
}

// seeWatches notes a change of the watches. What a new watch would have touched
// before it was known is found by touching everything, which is stored with it.
func (d *decoder) seeWatches(r *relation) {
	if r.watches {
		d.watchesChanged = true
		d.touchEverything()
	}
}

func (d *decoder) touchEverything() { d.batch.touch(everything, nil, d.xid, d.final, d.commit) }

// touch adds the key of one row. A NULL in it names nothing. A value that was
// not sent because it did not change is taken from the row before; where that
// does not have it, everything is touched.
func (d *decoder) touch(k *watchedKey, row, before []field) {
	values := d.values[:0]
	for i, c := range k.columns {
		f := row[c]
		if f.kind == 'u' && len(before) > 0 && before[c].kind == 't' {
			f = before[c] // NULL there only says that it is not in the identity
		}
		switch f.kind {
		case 'n':
			return
		case 'u':
			d.touchEverything()
			return
		}
		if k.padded[i] {
			f.data = bytes.TrimRight(f.data, " ")
		}
		values = append(values, f.data)
	}
	d.values = values
	d.batch.touch(k.target, values, d.xid, d.final, d.commit)
}

func (d *decoder) truncate(m *message) error {
	n := m.uint32()
	m.byte() // options
	if n == 0 {
		return problem(ErrProtocol, "a TRUNCATE of no table")
	}
	for range n {
		id := m.uint32()
		if m.bad {
			break
		}
		r, err := d.relationOf('T', id)
		if err != nil {
			return err
		}
		d.batch.Changes++
		d.seeWatches(r)
		if len(r.watched) > 0 {
			d.batch.Truncated = true
			d.touchEverything()
		}
	}
	return m.end('T')
}

// logical takes a logical message that is for us. Others are nobody's fault,
// so they are only counted: any role may write messages, of any size.
func (d *decoder) logical(m *message) error {
	transactional := m.byte() == 1
	lsn := LSN(m.uint64())
	prefix := m.text()
	content := m.take(m.uint32())
	if err := m.end('M'); err != nil {
		return err
	}
	if prefix != RequestPrefix || len(content) > maxRequestBytes || !transactional || !d.inTxn {
		d.ignored++
		return nil
	}
	d.batch.request(Request{Content: slices.Clone(content), XID: uint64(d.xid), LSN: lsn, CommitTime: pgTime(d.commit)})
	return nil
}

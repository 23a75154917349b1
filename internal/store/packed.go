package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/sql"
)

const (
	// packFrom is the number of keys from which a batch is stored as one row: an
	// upsert for each costs the server several times what it costs to send them.
	packFrom = 200
	// maxPacked is how many keys such rows may hold together, some 50 MiB. Beyond
	// it keys are merged, so that touched is bounded by the number of keys however
	// long nobody works them off.
	maxPacked = 2_500_000
	// viaPacked tells such a row. The via of a watch has parentheses.
	viaPacked = "packed"
	// packedVersion begins the packed keys.
	packedVersion = 1
)

// packTouched stores keys as one row, if there is room for it. That everything
// is touched stays a row of its own.
func (s *Store) packTouched(ctx context.Context, tx pgx.Tx, touched iter.Seq[cdc.Touched]) (packed bool, err error) {
	p := pack(touched)
	tag, err := tx.Exec(ctx, sql.Query("touched_pack"), s.source, p.waits, uint64(p.end), p.oldest, p.keys, p.data, maxPacked)
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	if p.everything == nil {
		return true, nil
	}
	return true, s.mergeTouched(ctx, tx, func(yield func(cdc.Touched) bool) { yield(*p.everything) })
}

// packing is keys on their way into a row.
type packing struct {
	data       []byte
	keys       int
	waits      []uint64 // every transaction that a key waits for
	end        cdc.LSN
	oldest     time.Time
	everything *cdc.Touched // touched everything; not in data
}

type packedTarget struct {
	kind cdc.Kind
	via  string
}

// pack writes, for each key: the number of its kind and via, which follow where
// the number is new; its values; its transactions; how far its position and time
// are from those of the key before.
func pack(touched iter.Seq[cdc.Touched]) *packing {
	p := &packing{data: []byte{packedVersion}}
	targets := map[packedTarget]uint64{}
	waits := map[uint64]bool{}
	text := func(s string) {
		p.data = binary.AppendUvarint(p.data, uint64(len(s)))
		p.data = append(p.data, s...)
	}
	var end, at int64
	for t := range touched {
		p.end = max(p.end, t.End)
		if p.oldest.IsZero() || t.CommitTime.Before(p.oldest) {
			p.oldest = t.CommitTime
		}
		if t.Kind == cdc.KindAll {
			p.everything = &t
			continue
		}
		p.keys++
		target := packedTarget{t.Kind, t.Via}
		n, known := targets[target]
		if !known {
			n = uint64(len(targets))
			targets[target] = n
		}
		p.data = binary.AppendUvarint(p.data, n)
		if !known {
			text(string(t.Kind))
			text(t.Via)
		}
		p.data = binary.AppendUvarint(p.data, uint64(len(t.Key)))
		for _, value := range t.Key {
			text(value)
		}
		p.data = binary.AppendUvarint(p.data, uint64(len(t.XIDs)))
		for _, xid := range t.XIDs {
			p.data = binary.AppendUvarint(p.data, xid)
			if !waits[xid] {
				waits[xid] = true
				p.waits = append(p.waits, xid)
			}
		}
		micros := t.CommitTime.UnixMicro()
		p.data = binary.AppendVarint(p.data, int64(t.End)-end)
		p.data = binary.AppendVarint(p.data, micros-at)
		end, at = int64(t.End), micros
	}
	return p
}

// errPacked says that packed keys are not what pack writes: another version
// wrote them.
var errPacked = errors.New("packed keys cannot be read")

// unpack reads what pack wrote.
func unpack(data []byte) ([]cdc.Touched, error) {
	r := &unpacking{data: data}
	if r.uvarint() != packedVersion {
		return nil, fmt.Errorf("%w: not of version %d", errPacked, packedVersion)
	}
	var all []cdc.Touched
	var targets []packedTarget
	var end, at int64
	for len(r.data) > 0 {
		n := r.uvarint()
		if n == uint64(len(targets)) {
			targets = append(targets, packedTarget{cdc.Kind(r.text()), r.text()})
		}
		if n >= uint64(len(targets)) {
			return nil, fmt.Errorf("%w: key %d has no kind", errPacked, len(all))
		}
		t := cdc.Touched{Kind: targets[n].kind, Via: targets[n].via, Key: make([]string, r.count())}
		for i := range t.Key {
			t.Key[i] = r.text()
		}
		if n := r.count(); n > 0 {
			t.XIDs = make([]uint64, n)
			for i := range t.XIDs {
				t.XIDs[i] = r.uvarint()
			}
		}
		end += r.varint()
		at += r.varint()
		if r.bad {
			return nil, fmt.Errorf("%w: key %d ends too early", errPacked, len(all))
		}
		t.End, t.CommitTime = cdc.LSN(end), time.UnixMicro(at).UTC()
		all = append(all, t)
	}
	return all, nil
}

// unpacking reads the parts of packed keys. What is beyond the end makes it bad.
type unpacking struct {
	data []byte
	bad  bool
}

func (r *unpacking) uvarint() uint64 {
	v, n := binary.Uvarint(r.data)
	r.skip(n)
	return v
}

func (r *unpacking) varint() int64 {
	v, n := binary.Varint(r.data)
	r.skip(n)
	return v
}

// skip moves on by the length of a number; it is not positive where there is none.
func (r *unpacking) skip(n int) {
	if n <= 0 {
		r.data, r.bad = nil, true
		return
	}
	r.data = r.data[n:]
}

// count is a number of things that follow, each at least a byte long.
func (r *unpacking) count() int {
	n := r.uvarint()
	if n > uint64(len(r.data)) {
		r.data, r.bad = nil, true
		return 0
	}
	return int(n)
}

func (r *unpacking) text() string {
	n := r.count()
	text := string(r.data[:n])
	r.data = r.data[n:]
	return text
}

// unpacked reads the keys of the oldest packed rows, until there are limit. Keys
// that cannot be read are everything: more work, but no gap.
func (s *Store) unpacked(ctx context.Context, limit int) ([]TouchedRow, error) {
	rows, err := s.pool.Query(ctx, sql.Query("widen_packed"), s.source, limit)
	if err != nil {
		return nil, fmt.Errorf("read packed keys: %w", err)
	}
	var all []TouchedRow
	var id string
	var at time.Time
	var version int64
	var data []byte
	var waits []uint64 // another server's transactions are taken out of the row only
	_, err = pgx.ForEachRow(rows, []any{&id, &at, &version, &data, &waits}, func() error {
		keys, err := unpack(data)
		if err != nil || len(keys) == 0 {
			all = append(all, TouchedRow{Touched: cdc.Touched{Kind: cdc.KindAll, Via: viaPacked, Key: []string{id}, CommitTime: at}, Version: version})
			return nil
		}
		still := make(map[uint64]bool, len(waits))
		for _, xid := range waits {
			still[xid] = true
		}
		for _, key := range keys {
			key.XIDs = slices.DeleteFunc(key.XIDs, func(xid uint64) bool { return !still[xid] })
			all = append(all, TouchedRow{Touched: key, pack: id})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read packed keys: %w", err)
	}
	return all, nil
}

// takeOff deletes the packed rows of which a pass has seen the keys, and stores
// the keys that are kept one by one, unless somebody else has worked them off.
func (s *Store) takeOff(ctx context.Context, tx pgx.Tx, touched []TouchedRow) error {
	kept := map[string][]cdc.Touched{}
	for _, row := range touched {
		switch {
		case row.pack == "":
		case row.Keep:
			kept[row.pack] = append(kept[row.pack], row.Touched)
		case kept[row.pack] == nil:
			kept[row.pack] = []cdc.Touched{}
		}
	}
	merged := false
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		tag, err := tx.Exec(ctx, `delete from rollcall_state.touched where source = $1 and kind = 'all' and via = 'packed' and key = array[$2]`, s.source, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 || len(kept[id]) == 0 {
			continue
		}
		if merged { // a key of the row before may be in this one too
			if _, err := tx.Exec(ctx, "truncate pg_temp.touched_in"); err != nil {
				return err
			}
		}
		if err := s.mergeTouched(ctx, tx, slices.Values(kept[id])); err != nil {
			return err
		}
		merged = true
	}
	return nil
}

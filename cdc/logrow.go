package cdc

import (
	"log/slog"
	"math"
	"slices"
)

// logReading puts the rows of the log of changes into a batch, as the decoder
// does with those of the stream.
type logReading struct {
	watches        map[string][]Watch // by table
	targets        []target
	log            *slog.Logger
	told           map[string]bool // watched columns that are not in the log
	watchesChanged bool
	values         [][]byte
}

func newLogReading(watches []Watch, log *slog.Logger) (*logReading, error) {
	d, err := newDecoder(watches, log)
	if err != nil {
		return nil, err
	}
	return &logReading{watches: d.watches, targets: d.targets, log: log, told: map[string]bool{}}, nil
}

// allVisible is a snapshot that shows every transaction: the rows of the log were
// read by one, and whoever looks at the keys uses a later one of that server.
var allVisible = Snapshot{Xmin: math.MaxUint64, Xmax: math.MaxUint64}

// visibleXID stands for the transactions of rows that were read.
const visibleXID = 0

// take takes one row. at is the position that stands for the row's commit.
func (r *logReading) take(row *logRow, b *Batch, at LSN) {
	b.snapshot = allVisible
	commit := row.at.UnixMicro() - pgEpoch
	everything := func() { b.touch(everything, nil, visibleXID, at, commit) }
	switch {
	case row.table == nil:
		if row.request == nil || len(*row.request) > maxRequestBytes {
			b.refused++
			return
		}
		b.request(Request{Content: []byte(*row.request), LSN: at, CommitTime: row.at.UTC(), Digest: row.digest()})
		return
	case *row.table == WatchesTable:
		b.Changes++
		r.watchesChanged = true
		everything()
		return
	}
	watches := r.watches[*row.table]
	if len(watches) == 0 {
		return // not watched any more
	}
	switch {
	case row.truncated:
		b.Changes++
		b.Truncated = true
		everything()
	case len(row.columns) == 0 && row.keys == nil:
		b.Changes++
		everything()
	default:
		width := max(len(row.columns), 1)
		b.Changes += len(row.keys) / width
		for _, w := range watches {
			r.touch(w, row, width, b, at, commit)
		}
	}
}

// touch adds the keys of one watch. A NULL in a key names nothing. Where a column
// is not in the log nobody knows what changed, so it is everything.
func (r *logReading) touch(w Watch, row *logRow, width int, b *Batch, at LSN, commit int64) {
	columns := make([]int, len(w.Keys))
	for i, key := range w.Keys {
		columns[i] = slices.Index(row.columns, key)
		if columns[i] >= 0 {
			continue
		}
		if name := w.Table + "." + key; !r.told[name] {
			r.told[name] = true
			r.log.Warn("watched column is not captured, so each change of the table touches everything; "+
				"run select rollcall.make_triggers() or correct rollcall.watches", "table", w.Table, "column", key)
		}
		b.touch(everything, nil, visibleXID, at, commit)
		return
	}
	t := slices.Index(r.targets, target{w.Kind, w.Via()})
	if t == everything {
		b.touch(everything, nil, visibleXID, at, commit)
		return
	}
next:
	for key := range slices.Chunk(row.keys, width) {
		values := r.values[:0]
		for _, c := range columns {
			if c >= len(key) || key[c] == nil {
				continue next
			}
			values = append(values, []byte(*key[c]))
		}
		r.values = values
		b.touch(t, values, visibleXID, at, commit)
	}
}

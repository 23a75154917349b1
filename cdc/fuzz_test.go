package cdc

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/jackc/pglogrepl"
	"pgregory.net/rapid"
)

// What our decoder accepts, pglogrepl reads in the same way. It is no judge of
// what we refuse: it panics, or takes less than the whole.
func FuzzDecode(f *testing.F) {
	for _, seed := range append([]frame{
		begin(900, 0x100), commit(0x100, 0x130), insert(repRelation, "7", "x", "70"), update(repRelation, "7", toast, null),
		updateFrom(repRelation, 'K', []string{"6", null, null}, []string{"7", "x", "70"}),
		updateFrom(repRelation, 'O', []string{"6", "x", "60"}, []string{"7", "x", "70"}),
		deleted(repRelation, 'K', "7", null, null), deleted(memberRelation, 'O', "70"), truncated(repRelation, unwatched),
		logicalMessage(1, RequestPrefix, "{}"), logicalMessage(0, "other", ""),
		frame("O").u64(5).text("elsewhere"), frame("Y").u32(5).text("public").text("mood"),
	}, testRelations...) {
		f.Add([]byte(seed))
		f.Add([]byte(seed[:len(seed)/2]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newTestDecoder(t)
		if len(data) == 0 || data[0] != 'B' {
			if err := d.message(begin(900, 0x100)); err != nil {
				t.Fatal(err)
			}
		}
		d.oldRow, d.newRow = nil, nil
		if d.message(data) != nil {
			return
		}
		message, err := pglogrepl.Parse(data)
		if err != nil {
			t.Fatalf("we accept what pglogrepl refuses: %v", err)
		}
		if difference := compare(d, message); difference != "" {
			t.Fatal(difference)
		}
	})
}

// compare says how the last message that d decoded differs from what pglogrepl
// made of it.
func compare(d *decoder, message pglogrepl.Message) string {
	switch m := message.(type) {
	case *pglogrepl.BeginMessage:
		// pglogrepl counts nanoseconds, which end in the year 2262.
		far := pgTime(d.commit).Year() < 1800 || pgTime(d.commit).Year() > 2200
		if d.xid != m.Xid || d.final != m.FinalLSN || !far && !pgTime(d.commit).Equal(m.CommitTime) {
			return fmt.Sprintf("transaction %d to %s at %s, want %+v", d.xid, d.final, pgTime(d.commit), m)
		}
	case *pglogrepl.CommitMessage:
		if d.batch.End != m.TransactionEndLSN {
			return fmt.Sprintf("end %s, want %s", d.batch.End, m.TransactionEndLSN)
		}
	case *pglogrepl.RelationMessage:
		if r := d.relations[m.RelationID]; r.name != m.Namespace+"."+m.RelationName || r.columns != len(m.Columns) {
			return fmt.Sprintf("relation %+v, want %+v", r, m)
		}
	case *pglogrepl.InsertMessage:
		return compareRow(d.newRow, m.Tuple)
	case *pglogrepl.UpdateMessage:
		return compareRow(d.newRow, m.NewTuple) + compareRow(d.oldRow, m.OldTuple)
	case *pglogrepl.DeleteMessage:
		return compareRow(d.oldRow, m.OldTuple)
	case *pglogrepl.TruncateMessage:
		if d.batch.Changes != len(m.RelationIDs) {
			return fmt.Sprintf("%d truncated tables, want %d", d.batch.Changes, len(m.RelationIDs))
		}
	case *pglogrepl.LogicalDecodingMessage:
		for _, r := range d.batch.Requests {
			if r.LSN != m.LSN || !bytes.Equal(r.Content, m.Content) || m.Prefix != RequestPrefix || !m.Transactional {
				return fmt.Sprintf("request %+v, want %+v", r, m)
			}
		}
	}
	return ""
}

func compareRow(ours []field, theirs *pglogrepl.TupleData) string {
	if theirs == nil {
		theirs = &pglogrepl.TupleData{}
	}
	if len(ours) != len(theirs.Columns) {
		return fmt.Sprintf("%d columns, want %d", len(ours), len(theirs.Columns))
	}
	for i, c := range theirs.Columns {
		if ours[i].kind != c.DataType || !bytes.Equal(ours[i].data, c.Data) {
			return fmt.Sprintf("column %d is %c %q, want %c %q", i, ours[i].kind, ours[i].data, c.DataType, c.Data)
		}
	}
	return ""
}

// Whatever a server may send is accepted, and its keys come out.
func TestDecodeAcceptsEveryRow(t *testing.T) {
	column := rapid.OneOf(rapid.Just(null), rapid.Just(toast), rapid.String().Filter(func(s string) bool { return len(s) < 400 }))
	row := rapid.SliceOfN(column, 3, 3)
	d := newTestDecoder(t)
	rapid.Check(t, func(t *rapid.T) {
		d.batch = newBatch(d.targets)
		newRow, oldRow := row.Draw(t, "new"), row.Draw(t, "old")
		part := rapid.SampledFrom([]byte("KO")).Draw(t, "part")
		change := rapid.SampledFrom([]frame{
			insert(repRelation, newRow...), update(repRelation, newRow...),
			updateFrom(repRelation, part, oldRow, newRow), deleted(repRelation, part, oldRow...),
		}).Draw(t, "change")
		for _, f := range []frame{begin(900, 0x100), change, commit(0x100, 0x130)} {
			if err := d.message(f); err != nil {
				t.Fatal(err)
			}
		}
		last := newRow
		if change[0] == 'D' {
			last = oldRow
		}
		if id := last[0]; id != null && id != toast && !contains(d.batch, KindRep, id) {
			t.Errorf("rep %q was not touched", id)
		}
	})
}

func contains(b *Batch, kind Kind, key string) bool {
	for touched := range b.Touched() {
		if touched.Kind == kind && touched.Key[0] == key {
			return true
		}
	}
	return false
}

package cdc

import (
	"encoding/binary"
	"log/slog"
	"slices"
	"testing"
)

// The messages of pgoutput, version 1, built by hand from the protocol's
// documentation.

type frame []byte

func (f frame) u8(v byte) frame      { return append(f, v) }
func (f frame) u16(v uint16) frame   { return binary.BigEndian.AppendUint16(f, v) }
func (f frame) u32(v uint32) frame   { return binary.BigEndian.AppendUint32(f, v) }
func (f frame) u64(v uint64) frame   { return binary.BigEndian.AppendUint64(f, v) }
func (f frame) text(s string) frame  { return append(append(f, s...), 0) }
func (f frame) bytes(b []byte) frame { return append(f.u32(uint32(len(b))), b...) }

// null and toast are columns of a row that have no value on the stream.
const (
	null  = "\x00null"
	toast = "\x00toast"
)

func (f frame) row(part byte, columns ...string) frame {
	f = f.u8(part).u16(uint16(len(columns)))
	for _, c := range columns {
		switch c {
		case null:
			f = f.u8('n')
		case toast:
			f = f.u8('u')
		default:
			f = f.u8('t').bytes([]byte(c))
		}
	}
	return f
}

// commitTime is 2026-06-30 12:00 UTC in microseconds since 2000.
const commitTime = 836_136_000_000_000

func begin(xid uint32, final LSN) frame {
	return frame("B").u64(uint64(final)).u64(commitTime).u32(xid)
}

func commit(final, end LSN) frame {
	return frame("C").u8(0).u64(uint64(final)).u64(uint64(end)).u64(commitTime)
}

func relationFrame(id uint32, schema, table string, columns ...string) frame {
	f := frame("R").u32(id).text(schema).text(table).u8('d').u16(uint16(len(columns)))
	for _, c := range columns {
		f = f.u8(0).text(c).u32(23).u32(0xffffffff)
	}
	return f
}

func insert(id uint32, columns ...string) frame { return frame("I").u32(id).row('N', columns...) }

func update(id uint32, columns ...string) frame { return frame("U").u32(id).row('N', columns...) }

func updateFrom(id uint32, part byte, old, columns []string) frame {
	return frame("U").u32(id).row(part, old...).row('N', columns...)
}

func deleted(id uint32, part byte, old ...string) frame {
	return frame("D").u32(id).row(part, old...)
}

func truncated(ids ...uint32) frame {
	f := frame("T").u32(uint32(len(ids))).u8(0)
	for _, id := range ids {
		f = f.u32(id)
	}
	return f
}

func logicalMessage(flags byte, prefix, content string) frame {
	return frame("M").u8(flags).u64(0x42).text(prefix).bytes([]byte(content))
}

// Relations of the tests.
const (
	repRelation     = 1
	memberRelation  = 2
	optOutRelation  = 3
	unwatched       = 4
	watchesRelation = 5
)

var testWatches = []Watch{
	{Table: "public.rep", Keys: []string{"rep_id"}, Kind: KindRep},
	{Table: "public.rep", Keys: []string{"member_id"}, Kind: KindMember},
	{Table: "public.member", Keys: []string{"member_id"}, Kind: KindMember},
	{Table: "public.opt_out", Keys: []string{"association_id", "opt_out_id"}, Kind: KindAddress, Resolve: "select 1"},
}

var testRelations = []frame{
	relationFrame(repRelation, "public", "rep", "rep_id", "note", "member_id"),
	relationFrame(memberRelation, "public", "member", "member_id"),
	relationFrame(optOutRelation, "public", "opt_out", "opt_out_id", "association_id"),
	relationFrame(unwatched, "public", "invoice", "id"),
	relationFrame(watchesRelation, "rollcall", "watches", "table", "keys"),
}

// newTestDecoder knows the relations of the tests.
func newTestDecoder(t testing.TB) *decoder {
	t.Helper()
	d, err := newDecoder(testWatches, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	d.batch = newBatch(d.targets)
	for _, r := range testRelations {
		if err := d.message(r); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// keys are the touched keys of a batch, one "kind key key" each.
func keys(b *Batch) []string {
	var all []string
	for touched := range b.Touched() {
		text := string(touched.Kind)
		for _, k := range touched.Key {
			text += " " + k
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

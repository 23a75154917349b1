package cdc

import (
	"fmt"
	"slices"
	"testing"
)

func touchRep(b *Batch, id string, xid uint32) {
	b.touch(1, [][]byte{[]byte(id)}, xid, LSN(xid), int64(xid))
}

func newRepBatch() *Batch { return newBatch([]target{{kind: KindAll}, {kind: KindRep}}) }

// A key keeps every transaction that a snapshot does not show, and no other.
func TestBatchKeepsTransactionsNotYetVisible(t *testing.T) {
	b := newRepBatch()
	for _, xid := range []uint32{90, 95, 95, 105, 120} {
		touchRep(b, "7", xid)
	}
	touchRep(b, "8", 90)
	b.see(Snapshot{Xmin: 95, Xmax: 110, Xip: []uint64{95}})
	var got []Touched
	for touched := range b.Touched() {
		got = append(got, touched)
	}
	if len(got) != 2 || !slices.Equal(got[0].XIDs, []uint64{95, 120}) || got[1].XIDs != nil {
		t.Fatalf("touched %+v", got)
	}
	if got[0].End != 120 || !got[0].CommitTime.Equal(pgTime(90)) {
		t.Errorf("end %s, first commit %s", got[0].End, got[0].CommitTime)
	}
}

func TestBatchTellsKeysApart(t *testing.T) {
	b := newBatch([]target{{kind: KindAll}, {kind: KindRep}, {KindRep, "via"}})
	for _, values := range [][]string{{"1", "23"}, {"12", "3"}, {"123"}, {"", "123"}, {"123", ""}} {
		for target := 1; target <= 2; target++ {
			var raw [][]byte
			for _, v := range values {
				raw = append(raw, []byte(v))
			}
			b.touch(target, raw, 1, 1, 1)
		}
	}
	if b.Len() != 10 {
		t.Errorf("%d keys, want 10", b.Len())
	}
	seen := map[string]bool{}
	for touched := range b.Touched() {
		seen[fmt.Sprintf("%s %q", touched.Via, touched.Key)] = true
	}
	if len(seen) != 10 || !seen[`via ["12" "3"]`] || !seen[` ["" "123"]`] {
		t.Errorf("keys %v", seen)
	}
}

// A reader's memory is bounded by weight, so all that a stream can make grow
// has some.
func TestBatchWeighs(t *testing.T) {
	b := newRepBatch()
	touchRep(b, "7", 1)
	light := b.weight
	for xid := range uint32(100) {
		touchRep(b, "7", xid)
	}
	if b.weight < light+100 {
		t.Errorf("100 transactions of one key weigh %d", b.weight-light)
	}
	short := newRepBatch()
	touchRep(short, "7", 1)
	long := newRepBatch()
	touchRep(long, string(make([]byte, maxKeyBytes)), 1)
	if long.weight < 10*short.weight {
		t.Errorf("a long key weighs %d, a short one %d", long.weight, short.weight)
	}
	asked := newRepBatch()
	asked.request(Request{})
	if asked.weight < 10 {
		t.Errorf("a request weighs %d", asked.weight)
	}
}

func TestBatchIsEmptyAfterReset(t *testing.T) {
	b := newRepBatch()
	touchRep(b, "7", 1)
	b.request(Request{})
	b.Truncated, b.Transactions, b.Changes, b.End = true, 1, 1, 1
	b.Refuse(1)
	b.reset()
	touchRep(b, "8", 2)
	if got := keys(b); !slices.Equal(got, []string{"rep 8"}) {
		t.Errorf("touched %q", got)
	}
	if b.Truncated || b.Transactions+b.Changes+b.refused+len(b.Requests) != 0 || b.End != 0 || b.weight != 1 {
		t.Errorf("left over: %+v", b)
	}
}

func TestBatchTouchesAKnownKeyWithoutAllocation(t *testing.T) {
	b := newRepBatch()
	values := [][]byte{[]byte("7")}
	b.touch(1, values, 1, 1, 1)
	if n := testing.AllocsPerRun(100, func() { b.touch(1, values, 1, 1, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

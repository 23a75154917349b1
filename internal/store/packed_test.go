package store

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
)

// packs is a state in which touched keys are stored without a reader.
type packs struct {
	*Store
	*pgx.Conn
}

func newPacks(t *testing.T) *packs {
	t.Helper()
	db := pgtest.Database(t)
	pool := db.Pool(t)
	if err := Migrate(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return &packs{New(pool, "chamber", time.Now), db.Conn(t)}
}

func (s *packs) save(t *testing.T, keys iter.Seq[cdc.Touched]) {
	t.Helper()
	n := len(slices.Collect(keys))
	if err := s.begin(t.Context(), "store", func(tx pgx.Tx) error { return s.saveTouched(t.Context(), tx, n, keys) }); err != nil {
		t.Fatal(err)
	}
}

func (s *packs) read(t *testing.T) []TouchedRow {
	t.Helper()
	rows, err := s.Touched(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (s *packs) workOff(t *testing.T, rows []TouchedRow) {
	t.Helper()
	if err := s.Widen(t.Context(), rows, false, false, func(*Marks) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func (s *packs) want(t *testing.T, query, want string) {
	t.Helper()
	var got string
	if err := s.QueryRow(t.Context(), query).Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("%s is %q, want %q", query, got, want)
	}
}

func (s *packs) change(t *testing.T, statement string) {
	t.Helper()
	if _, err := s.Exec(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// someReps are reps that wait for transaction 900.
func someReps(n int) iter.Seq[cdc.Touched] {
	return func(yield func(cdc.Touched) bool) {
		for i := range n {
			key := cdc.Touched{
				Kind: cdc.KindRep, Key: []string{fmt.Sprint(i)}, XIDs: []uint64{900}, End: cdc.LSN(0x1000 + i),
				CommitTime: time.UnixMicro(1_800_000_000_000_000 + int64(i)).UTC(),
			}
			if !yield(key) {
				return
			}
		}
	}
}

// Many keys are one row, which comes back key by key. What is worked off goes,
// what is kept stays, with what it waits for.
func TestManyKeysArePacked(t *testing.T) {
	s := newPacks(t)
	s.save(t, someReps(packFrom))
	s.want(t, "select keys || ' ' || kind || ' ' || xids::text from rollcall_state.touched", fmt.Sprint(packFrom, " all {900}"))
	rows := s.read(t)
	for i, want := range slices.Collect(someReps(packFrom)) {
		if i >= len(rows) || !reflect.DeepEqual(rows[i].Touched, want) {
			t.Fatalf("%d keys; key %d is not %+v", len(rows), i, want)
		}
		rows[i].Keep = i == 4
	}
	s.workOff(t, rows)
	left := s.read(t)
	if want := rows[4].Touched; len(left) != 1 || !left[0].CommitTime.Equal(want.CommitTime) || left[0].End != want.End ||
		!slices.Equal(left[0].XIDs, want.XIDs) || !slices.Equal(left[0].Key, want.Key) || left[0].Kind != want.Kind {
		t.Errorf("left are %+v, want %+v", left, want)
	}
	s.want(t, "select count(packed)::text from rollcall_state.touched", "0")
}

func TestFewKeysAreNotPacked(t *testing.T) {
	s := newPacks(t)
	s.save(t, someReps(packFrom-1))
	s.want(t, "select count(packed) || ' ' || count(*) from rollcall_state.touched", fmt.Sprint("0 ", packFrom-1))
}

// That everything is touched is a row of its own, which unites with others.
func TestEverythingIsNotPacked(t *testing.T) {
	s := newPacks(t)
	all := slices.Values([]cdc.Touched{{Kind: cdc.KindAll, Key: []string{}, XIDs: []uint64{901}, End: 0x9000, CommitTime: time.UnixMicro(5).UTC()}})
	keys := func(yield func(cdc.Touched) bool) {
		all(yield)
		someReps(packFrom)(yield)
	}
	s.save(t, keys)
	s.save(t, keys)
	s.want(t, "select xids::text || ' ' || version from rollcall_state.touched where kind = 'all' and via = ''", "{901} 2")
	if rows := s.read(t); len(rows) != 1+2*packFrom {
		t.Errorf("%d keys", len(rows))
	}
	if xids, err := s.TouchedAllXIDs(t.Context()); err != nil || !slices.Equal(xids, []uint64{901}) {
		t.Errorf("everything waits for %v, %v", xids, err)
	}
}

// However long nobody works them off, packed keys do not grow with the changes.
func TestPackedKeysAreBounded(t *testing.T) {
	s := newPacks(t)
	s.save(t, someReps(packFrom))
	s.change(t, fmt.Sprintf("update rollcall_state.touched set keys = %d", maxPacked))
	for range 2 {
		s.save(t, someReps(packFrom))
	}
	s.want(t, "select count(packed) || ' ' || count(*) from rollcall_state.touched", fmt.Sprint("1 ", packFrom+1))
}

// Packed keys that this binary cannot read are everything: nothing is lost.
func TestUnreadablePackedKeysAreEverything(t *testing.T) {
	s := newPacks(t)
	for name, change := range map[string]string{
		"another version": "set_byte(packed, 0, 2)",
		"cut off":         "substring(packed from 1 for length(packed) - 1)",
		"nothing":         "''::bytea",
	} {
		t.Run(name, func(t *testing.T) {
			s.save(t, someReps(packFrom))
			s.change(t, "update rollcall_state.touched set packed = "+change)
			rows := s.read(t)
			if len(rows) != 1 || rows[0].Kind != cdc.KindAll {
				t.Fatalf("%+v", rows)
			}
			s.workOff(t, rows)
			s.want(t, "select count(*)::text from rollcall_state.touched", "0")
		})
	}
}

// Once the transactions of another server are taken out of the rows, no key waits
// for them.
func TestPackedKeysWaitAsTheirRowDoes(t *testing.T) {
	s := newPacks(t)
	s.save(t, someReps(packFrom))
	s.change(t, "update rollcall_state.touched set xids = '{}', version = version + 1")
	for _, row := range s.read(t) {
		if len(row.XIDs) > 0 {
			t.Fatalf("%+v waits", row)
		}
	}
}

// Packed rows come together, as many as the limit has room for, the oldest first.
func TestPackedRowsComeTogether(t *testing.T) {
	s := newPacks(t)
	for range 3 {
		s.save(t, someReps(packFrom))
	}
	for limit, want := range map[int]int{1: 1, packFrom: 1, packFrom + 1: 2, 10 * packFrom: 3} {
		rows, err := s.Touched(t.Context(), limit)
		if err != nil || len(rows) != want*packFrom {
			t.Errorf("limit %d: %d keys, %v, want those of %d rows", limit, len(rows), err, want)
		}
	}
	rows := s.read(t)
	for i := range rows {
		rows[i].Keep = i == 1 || i == packFrom+1 || i == packFrom+2 // 1, 1 and 2
	}
	s.workOff(t, rows)
	s.want(t, "select string_agg(key[1] || ' ' || version, ', ' order by key) from rollcall_state.touched", "1 2, 2 1")
}

// Two that work off the same packed row do not bring its kept keys back.
func TestPackedKeysAreTakenOffOnce(t *testing.T) {
	s := newPacks(t)
	s.save(t, someReps(packFrom))
	first := s.read(t)
	second := slices.Clone(first)
	second[0].Keep = true
	s.workOff(t, first)
	s.workOff(t, second)
	s.want(t, "select count(*)::text from rollcall_state.touched", "0")
}

// What was packed comes back as it was.
func TestPackAndUnpack(t *testing.T) {
	key := rapid.Custom(func(t *rapid.T) cdc.Touched {
		return cdc.Touched{
			Kind:       rapid.SampledFrom([]cdc.Kind{cdc.KindRep, cdc.KindMember, cdc.KindAddress}).Draw(t, "kind"),
			Via:        rapid.SampledFrom([]string{"", "public.opt_out(id)address:01020304"}).Draw(t, "via"),
			Key:        rapid.SliceOfN(rapid.String(), 1, 3).Draw(t, "key"),
			XIDs:       rapid.SliceOfN(rapid.Uint64(), 0, 3).Draw(t, "xids"),
			End:        cdc.LSN(rapid.Uint64().Draw(t, "end")),
			CommitTime: time.UnixMicro(rapid.Int64().Draw(t, "time")).UTC(),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(key).Draw(t, "keys")
		got, err := unpack(pack(slices.Values(want)).data)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d keys, %v, want %d", len(got), err, len(want))
		}
		for i, k := range want {
			if len(k.XIDs) == 0 {
				k.XIDs = nil
			}
			if !reflect.DeepEqual(got[i], k) {
				t.Fatalf("key %d is %+v, want %+v", i, got[i], k)
			}
		}
	})
}

// Whatever is in the state: no panic, no memory beyond what is there, and what is
// read can be written again.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(slices.Values([]cdc.Touched{
		{Kind: cdc.KindRep, Key: []string{"7"}, XIDs: []uint64{900, 901}, End: 0x100, CommitTime: time.UnixMicro(5)},
		{Kind: cdc.KindAddress, Via: "public.opt_out(id)address:01020304", Key: []string{"1", ""}, End: 0x90},
	})).data)
	f.Add([]byte{packedVersion, 0})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := unpack(data)
		if err != nil {
			return
		}
		keys = slices.DeleteFunc(keys, func(k cdc.Touched) bool { return k.Kind == cdc.KindAll })
		again, err := unpack(pack(slices.Values(keys)).data)
		if err != nil || len(again) != len(keys) {
			t.Errorf("%d keys, %v, want %d", len(again), err, len(keys))
		}
	})
}

package cdc

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDecodeTouches(t *testing.T) {
	full := func(columns ...string) []string { return columns }
	for name, c := range map[string]struct {
		frames []frame
		want   []string
	}{
		"insert":                          {[]frame{insert(repRelation, "7", "x", "70")}, []string{"member 70", "rep 7"}},
		"insert with a NULL key":          {[]frame{insert(repRelation, "7", "x", null)}, []string{"rep 7"}},
		"insert with an empty key":        {[]frame{insert(memberRelation, "")}, []string{"member "}},
		"two rows, one key":               {[]frame{insert(repRelation, "7", "x", "70"), update(repRelation, "7", "y", "70")}, []string{"member 70", "rep 7"}},
		"update":                          {[]frame{update(repRelation, "7", "x", "70")}, []string{"member 70", "rep 7"}},
		"update of the identity":          {[]frame{updateFrom(repRelation, 'K', full("6", null, null), full("7", "x", "70"))}, []string{"member 70", "rep 6", "rep 7"}},
		"update under full identity":      {[]frame{updateFrom(repRelation, 'O', full("7", "x", "60"), full("7", "x", "70"))}, []string{"member 60", "member 70", "rep 7"}},
		"toasted key, in the old row":     {[]frame{updateFrom(repRelation, 'O', full("7", "x", "60"), full("7", "x", toast))}, []string{"member 60", "rep 7"}},
		"toasted key, in no row":          {[]frame{update(repRelation, "7", "x", toast)}, []string{"all", "rep 7"}},
		"toasted key, not in old key":     {[]frame{updateFrom(repRelation, 'K', full("6", null, null), full("7", "x", toast))}, []string{"all", "rep 6", "rep 7"}},
		"toasted column that is no key":   {[]frame{update(repRelation, "7", toast, "70")}, []string{"member 70", "rep 7"}},
		"delete by key":                   {[]frame{deleted(repRelation, 'K', "7", null, null)}, []string{"rep 7"}},
		"delete under full identity":      {[]frame{deleted(repRelation, 'O', "7", "x", "70")}, []string{"member 70", "rep 7"}},
		"two key columns, in their order": {[]frame{insert(optOutRelation, "5", "1")}, []string{"address 1 5"}},
		"table that nobody watches":       {[]frame{insert(unwatched, "5")}, nil},
		"truncate":                        {[]frame{truncated(repRelation, unwatched)}, []string{"all"}},
		"truncate that nobody watches":    {[]frame{truncated(unwatched)}, nil},
		"change of the watches":           {[]frame{insert(watchesRelation, "public.rep", "{rep_id}")}, []string{"all"}},
		"key too long to be stored":       {[]frame{insert(memberRelation, strings.Repeat("7", maxKeyBytes+1))}, []string{"all"}},
		"key in no encoding":              {[]frame{insert(memberRelation, "caf\xe9")}, []string{"all"}},
		"type and origin":                 {[]frame{frame("O").u64(5).text("elsewhere"), frame("Y").u32(5).text("public").text("mood"), insert(memberRelation, "70")}, []string{"member 70"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestDecoder(t)
			frames := append(append([]frame{begin(900, 0x100)}, c.frames...), commit(0x100, 0x130))
			for _, f := range frames {
				if err := d.message(f); err != nil {
					t.Fatal(err)
				}
			}
			if got := keys(d.batch); !slices.Equal(got, c.want) {
				t.Errorf("touched %q, want %q", got, c.want)
			}
			if d.batch.End != 0x130 || d.batch.Transactions != 1 {
				t.Errorf("end %s after %d transactions, want 0/130 after 1", d.batch.End, d.batch.Transactions)
			}
			if d.batch.Truncated != (name == "truncate") {
				t.Errorf("truncated = %t", d.batch.Truncated)
			}
		})
	}
}

func TestDecodeCarriesTheTransaction(t *testing.T) {
	d := newTestDecoder(t)
	for _, f := range []frame{
		begin(900, 0x100), insert(memberRelation, "70"), commit(0x100, 0x130),
		begin(901, 0x200), insert(memberRelation, "70"), insert(memberRelation, "70"), commit(0x200, 0x230),
	} {
		if err := d.message(f); err != nil {
			t.Fatal(err)
		}
	}
	for touched := range d.batch.Touched() {
		if want := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC); touched.End != 0x200 || !touched.CommitTime.Equal(want) || !slices.Equal(touched.XIDs, []uint64{900, 901}) {
			t.Errorf("touched %+v", touched)
		}
	}
}

// A position is that of a complete transaction, whatever else has come.
func TestDecodeEndIsThatOfACommit(t *testing.T) {
	d := newTestDecoder(t)
	for _, f := range []frame{begin(900, 0x100), commit(0x100, 0x130), begin(901, 0x200), insert(memberRelation, "70")} {
		if err := d.message(f); err != nil {
			t.Fatal(err)
		}
	}
	if d.batch.End != 0x130 || !d.inTxn {
		t.Errorf("end %s, in transaction %t", d.batch.End, d.inTxn)
	}
}

func TestDecodeRequests(t *testing.T) {
	const ask = `{"v":1,"ask":"sync_now","group":"17"}`
	for name, c := range map[string]struct {
		message  frame
		accepted bool
	}{
		"ours":              {logicalMessage(1, RequestPrefix, ask), true},
		"longest":           {logicalMessage(1, RequestPrefix, strings.Repeat("x", maxRequestBytes)), true},
		"too long":          {logicalMessage(1, RequestPrefix, strings.Repeat("x", maxRequestBytes+1)), false},
		"another's prefix":  {logicalMessage(1, "rollcall2", ask), false},
		"not transactional": {logicalMessage(0, RequestPrefix, ask), false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestDecoder(t)
			for _, f := range []frame{begin(900, 0x100), c.message, commit(0x100, 0x130)} {
				if err := d.message(f); err != nil {
					t.Fatal(err)
				}
			}
			if accepted := len(d.batch.Requests) == 1; accepted != c.accepted || (d.ignored == 1) == c.accepted {
				t.Errorf("accepted %t, ignored %d", accepted, d.ignored)
			}
			d.batch.see(Snapshot{Xmin: 800, Xmax: 800})
			for _, r := range d.batch.Requests {
				if r.XID != 900 || r.LSN != 0x42 {
					t.Errorf("request of transaction %d at %s", r.XID, r.LSN)
				}
			}
		})
	}
}

// What cannot be decoded stops the stream, and the error says where it was.
func TestDecodeErrors(t *testing.T) {
	row := insert(repRelation, "7", "x", "70")
	for name, c := range map[string]struct {
		frames []frame
		want   error
		names  string
	}{
		"nothing":                          {[]frame{{}}, ErrProtocol, ""},
		"unknown message":                  {[]frame{frame("S").u32(1)}, ErrProtocol, `'S'`},
		"row cut short":                    {[]frame{row[:len(row)-1]}, ErrProtocol, "public.rep"},
		"row with more behind":             {[]frame{append(slices.Clone(row), 0)}, ErrProtocol, "public.rep"},
		"row with a column too few":        {[]frame{insert(repRelation, "7", "x")}, ErrProtocol, "public.rep"},
		"old row with a column too many":   {[]frame{deleted(repRelation, 'K', "7", "x", "70", "8")}, ErrProtocol, "public.rep"},
		"value longer than the message":    {[]frame{frame("I").u32(repRelation).u8('N').u16(3).u8('t').u32(1 << 31)}, ErrProtocol, "public.rep"},
		"value in binary":                  {[]frame{frame("I").u32(memberRelation).u8('N').u16(1).u8('b').bytes([]byte{7})}, ErrProtocol, "public.member"},
		"insert without a row":             {[]frame{frame("I").u32(repRelation)}, ErrProtocol, "public.rep"},
		"insert with an old row":           {[]frame{frame("I").u32(memberRelation).row('K', "7")}, ErrProtocol, "public.member"},
		"delete with a new row":            {[]frame{frame("D").u32(memberRelation).row('N', "7")}, ErrProtocol, "public.member"},
		"update with an old row alone":     {[]frame{frame("U").u32(memberRelation).row('O', "7")}, ErrProtocol, "public.member"},
		"relation that was not described":  {[]frame{insert(99, "7")}, ErrUnknownRelation, "99"},
		"truncate of such a relation":      {[]frame{truncated(repRelation, 99)}, ErrUnknownRelation, "99"},
		"truncate cut short":               {[]frame{truncated(repRelation, unwatched)[:10]}, ErrProtocol, `'T'`},
		"relation cut short":               {[]frame{testRelations[0][:20]}, ErrProtocol, "public.rep"},
		"begin within a transaction":       {[]frame{begin(901, 0x200)}, ErrProtocol, "901"},
		"commit of another transaction":    {[]frame{commit(0x200, 0x230)}, ErrProtocol, "0/200"},
		"row after the commit":             {[]frame{commit(0x100, 0x130), row}, ErrProtocol, "public.rep"},
		"logical message cut short":        {[]frame{logicalMessage(1, RequestPrefix, "{}")[:20]}, ErrProtocol, `'M'`},
		"origin without the end of a name": {[]frame{frame("O").u64(5).u8('x')}, ErrProtocol, `'O'`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newTestDecoder(t)
			err := d.message(begin(900, 0x100))
			for _, f := range c.frames {
				if err == nil {
					err = d.message(f)
				}
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.names) {
				t.Errorf("error %v, want %v naming %s", err, c.want, c.names)
			}
			if passing(err) {
				t.Error("Run would try that again")
			}
		})
	}
}

// A watched column that is not published must not stop the stream: its older
// part stays so for ever.
func TestDecodeWithoutAWatchedColumn(t *testing.T) {
	var log bytes.Buffer
	d := newTestDecoder(t)
	d.log = slog.New(slog.NewTextHandler(&log, nil))
	for _, f := range []frame{
		relationFrame(repRelation, "public", "rep", "rep_id"),
		begin(900, 0x100), insert(repRelation, "7"), commit(0x100, 0x130),
	} {
		if err := d.message(f); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := keys(d.batch), []string{"all", "rep 7"}; !slices.Equal(got, want) {
		t.Errorf("touched %q, want %q", got, want)
	}
	if !strings.Contains(log.String(), "column=member_id") {
		t.Errorf("the log does not name the column: %s", log.String())
	}
}

func TestDecodeCostsNoAllocation(t *testing.T) {
	d := newTestDecoder(t)
	frames := []frame{begin(900, 0x100), updateFrom(repRelation, 'K', []string{"6", null, null}, []string{"7", "x", "70"}), commit(0x100, 0x130)}
	decode := func() {
		for _, f := range frames {
			if err := d.message(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	decode()
	if allocations := testing.AllocsPerRun(100, decode); allocations != 0 {
		t.Errorf("%v allocations for a transaction whose keys are known", allocations)
	}
}

package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

var itself = store.Installation{SystemID: "7000", Timeline: 1, DatabaseOID: 16384, Slot: "rollcall"}

// remembering is a state that knows an opt-out, a departure, two people who were
// erased, and two whom an account before keeps off.
func remembering(t *testing.T, ctx context.Context) (*pgxpool.Pool, *store.Store) {
	t.Helper()
	pool := statetest.Database(t).Pool(t)
	s := store.New(pool, "chamber", time.Now)
	if _, err := s.Installation(ctx, itself); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `
		update rollcall_state.installation set hash_key = '\x0102';
		insert into rollcall_state.opt_out values ('chamber', '1', 'rosa@example.org', '2026-01-02'), ('other', '1', 'olga@example.org', '2026-01-02');
		insert into rollcall_state.ledger (source, association, list, address, departed_at) values
			('chamber', '1', 'group:1', 'lena@example.org', '2026-02-03'), ('chamber', '1', 'group:2', 'lena@example.org', null);
		insert into rollcall_state.old_account values ('chamber', '1', 'ulla@example.org', 'unsubscribed', '2026-03-04'), ('chamber', '1', 'lotte@example.org', 'deleted', null);
		insert into rollcall_state.erased values ('chamber', '2', '\xaa', ''), ('chamber', '2', '\xbb', 'group:7')`); err != nil {
		t.Fatal(err)
	}
	return pool, s
}

const consentFacts = `select string_agg(fact, ' ' order by fact) from (
	select source || association || address || since::date from rollcall_state.opt_out where source = 'chamber'
	union all select source || association || list || address || departed_at::date from rollcall_state.ledger where departed_at is not null
	union all select source || association || address || state || coalesce(since::date::text, '') from rollcall_state.old_account
	union all select source || association || hash::text || list from rollcall_state.erased
	union all select hash_key::text from rollcall_state.installation) x (fact)`

// What one installation wrote, another knows. Read twice it says the same.
func TestConsentIsKept(t *testing.T) {
	ctx := t.Context()
	from, s := remembering(t, ctx)
	var file bytes.Buffer
	kept, err := s.WriteConsent(ctx, &file)
	if want := (store.Kept{OptOuts: 1, Departures: 1, Erased: 2, OldAccount: 2}); err != nil || kept != want {
		t.Fatalf("wrote %+v, %v, want %+v", kept, err, want)
	}
	if name, err := store.ConsentSource(bytes.NewReader(file.Bytes())); err != nil || name != "chamber" {
		t.Errorf("it is of %q, %v", name, err)
	}
	to := statetest.Database(t).Pool(t)
	fresh := store.New(to, "chamber", time.Now)
	for range 2 {
		got, err := fresh.ReadConsent(ctx, bytes.NewReader(file.Bytes()), itself)
		if err != nil || got != kept {
			t.Fatalf("read %+v, %v", got, err)
		}
	}
	var want, got string
	if err := from.QueryRow(ctx, consentFacts).Scan(&want); err != nil {
		t.Fatal(err)
	}
	if err := to.QueryRow(ctx, consentFacts).Scan(&got); err != nil || got != want {
		t.Errorf("the new state knows %s, %v, want %s", got, err, want)
	}
}

// A file that is not whole, or not of this source, changes nothing, and the error
// does not repeat it.
func TestConsentThatCannotBeUsed(t *testing.T) {
	ctx := t.Context()
	_, s := remembering(t, ctx)
	var buffer bytes.Buffer
	if _, err := s.WriteConsent(ctx, &buffer); err != nil {
		t.Fatal(err)
	}
	good := buffer.String()
	lines := strings.SplitAfter(good, "\n")
	to := statetest.Database(t).Pool(t)
	fresh := store.New(to, "chamber", time.Now)
	for name, c := range map[string]struct {
		file string
		line int
	}{
		"empty":                   {"", 1},
		"cut off":                 {strings.Join(lines[:3], ""), 4},
		"a line is missing":       {strings.Join(append([]string{lines[0]}, lines[2:]...), ""), 7},
		"no header":               {strings.Join(lines[1:], ""), 1},
		"a second header":         {lines[0] + good, 2},
		"another source":          {strings.Replace(good, `"chamber"`, `"club"`, 1), 1},
		"a later format":          {strings.Replace(good, `"format":1`, `"format":2`, 1), 1},
		"no JSON":                 {lines[0] + "zz-canary@example.org\n", 2},
		"an unknown fact":         {lines[0] + `{"zz-canary":{}}` + "\n", 2},
		"an address that is none": {strings.Replace(good, "rosa@example.org", "zz-canary", 1), 2},
		"an address in capitals":  {strings.Replace(good, "rosa@example.org", "ZZ-canary@example.org", 1), 2},
		"a state of no account":   {strings.Replace(good, `"deleted"`, `"zz-canary"`, 1), 6},
		"a long line":             {lines[0] + strings.Repeat("x", 70<<10), 2},
	} {
		_, err := fresh.ReadConsent(ctx, strings.NewReader(c.file), itself)
		bad, ok := errors.AsType[*store.ConsentError](err)
		if !ok || bad.Line != c.line || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want line %d", name, err, c.line)
		}
		var n int
		if err := to.QueryRow(ctx, "select (select count(*) from rollcall_state.opt_out) + (select count(*) from rollcall_state.ledger) + (select count(*) from rollcall_state.erased) + (select count(*) from rollcall_state.old_account)").Scan(&n); err != nil || n > 0 {
			t.Errorf("%s: %d rows came of it, %v", name, n, err)
		}
	}
	if _, err := to.Exec(ctx, "insert into rollcall_state.rep_seen (source, association, rep, address) values ('chamber', '1', '1', 'rosa@example.org')"); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.ReadConsent(ctx, strings.NewReader(good), itself); !errors.Is(err, store.ErrStateInUse) {
		t.Errorf("a state that was used: %v", err)
	}
}

// A source is removed from a state that others use, and the last one takes the
// schema along.
func TestRemoveSource(t *testing.T) {
	ctx := t.Context()
	pool, s := remembering(t, ctx)
	other := itself
	other.DatabaseOID++
	club := store.New(pool, "other", time.Now)
	if _, err := club.Installation(ctx, other); err != nil {
		t.Fatal(err)
	}
	r, err := s.Remembered(ctx)
	if err != nil || r.OptOuts != 2 || r.Departures != 2 || len(r.Others) != 1 || r.Others[0] != "other" {
		t.Errorf("remembered is %+v, %v", r, err)
	}
	if err := s.RemoveSource(ctx); err != nil {
		t.Fatal(err)
	}
	var left, others int
	if err := pool.QueryRow(ctx, `select (select count(*) from rollcall_state.installation where source = 'chamber') + (select count(*) from rollcall_state.ledger)
		+ (select count(*) from rollcall_state.erased), (select count(*) from rollcall_state.opt_out)`).Scan(&left, &others); err != nil || left != 0 || others != 1 {
		t.Errorf("%d rows are left, and %d of the other source, %v", left, others, err)
	}
	if err := club.RemoveSource(ctx); err != nil {
		t.Fatal(err)
	}
	if err := store.Started(ctx, pool); !errors.Is(err, store.ErrNotStarted) {
		t.Errorf("after the last one: %v", err)
	}
}

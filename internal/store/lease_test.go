package store_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/lease"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
	"rollcall/internal/store"
)

// newLeases are leases in a fresh database.
func newLeases(t *testing.T) (*store.Leases, *pgtest.DB) {
	t.Helper()
	db := statetest.Database(t)
	pool := db.Pool(t)
	return store.NewLeases(pool, func() time.Time { return noon }), db
}

func take(t *testing.T, s *store.Leases, seen lease.Row, holder string) int64 {
	t.Helper()
	token, err := s.TakeLease(t.Context(), "key", seen, holder, "chamber")
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func read(t *testing.T, s *store.Leases) lease.Row {
	t.Helper()
	row, err := s.Lease(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestLeaseIsTakenAsItWasSeen(t *testing.T) {
	s, _ := newLeases(t)
	if row := read(t, s); row != (lease.Row{}) {
		t.Errorf("a lease that nobody had: %+v", row)
	}
	one := take(t, s, lease.Row{}, "one")
	if again := take(t, s, lease.Row{}, "two"); one != 1 || again != 0 {
		t.Errorf("tokens %d and %d", one, again)
	}
	seen := read(t, s)
	if seen.Holder != "one" || seen.Serves != "chamber" || !seen.HeldSince.Equal(noon) {
		t.Errorf("row %+v", seen)
	}
	if _, ok, err := s.RenewLease(t.Context(), "key", one); !ok || err != nil {
		t.Errorf("renewed %v, %v", ok, err)
	}
	if token := take(t, s, seen, "two"); token != 0 {
		t.Errorf("token %d of a lease that was renewed meanwhile", token)
	}
	two := take(t, s, read(t, s), "two")
	if _, ok, err := s.RenewLease(t.Context(), "key", one); two != 2 || ok || err != nil {
		t.Errorf("token %d; the one before renewed %v, %v", two, ok, err)
	}
	if err := s.ReleaseLease(t.Context(), "key", one); err != nil {
		t.Fatal(err)
	}
	if row := read(t, s); row.Holder != "two" {
		t.Errorf("released by the one before: %+v", row)
	}
	if err := s.ReleaseLease(t.Context(), "key", two); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.RenewLease(t.Context(), "key", two); ok || read(t, s).Holder != "" {
		t.Errorf("renewed after the release: %v", ok)
	}
	if three := take(t, s, read(t, s), "three"); three != 3 {
		t.Errorf("token %d", three)
	}
}

func TestOneWishAtATime(t *testing.T) {
	s, _ := newLeases(t)
	one := take(t, s, lease.Row{}, "one")
	for _, who := range []string{"two", "three", "two"} {
		if err := s.WantLease(t.Context(), "key", who, 5*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	row, _, err := s.RenewLease(t.Context(), "key", one)
	if err != nil || row.WantedBy != "two" || !row.WantedUntil.Equal(noon.Add(5*time.Second)) {
		t.Errorf("row %+v, %v", row, err)
	}
	take(t, s, read(t, s), "two")
	if row := read(t, s); row.WantedBy != "" {
		t.Errorf("row %+v", row)
	}
}

// fenced begins a transaction of a holder.
func fenced(t *testing.T, db *pgtest.DB, token int64) (pgx.Tx, error) {
	t.Helper()
	tx, err := db.Conn(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tx, lease.Fence(t.Context(), tx, "key", token)
}

// A transaction of the holder keeps others from taking the lease, not the holder
// from renewing it, and none of a former holder can be committed.
func TestTransactionsAreFenced(t *testing.T) {
	s, db := newLeases(t)
	one := take(t, s, lease.Row{}, "one")
	tx, err := fenced(t, db, one)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.RenewLease(t.Context(), "key", one); !ok || err != nil {
		t.Errorf("renewed %v, %v", ok, err)
	}
	impatient := db.Conn(t)
	_, err = impatient.Exec(t.Context(), "set lock_timeout = '50ms'; update rollcall_state.lease set token = token + 1")
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "55P03" {
		t.Errorf("taken during a transaction of the holder: %v", err)
	}
	seen := read(t, s)
	taken := make(chan int64)
	go func() {
		token, _ := s.TakeLease(context.Background(), "key", seen, "two", "chamber")
		taken <- token
	}()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if token := <-taken; token != 2 {
		t.Fatalf("token %d", token)
	}
	if _, err := fenced(t, db, one); !errors.Is(err, lease.ErrLost) {
		t.Errorf("a transaction of the former holder: %v", err)
	}
	if _, err := fenced(t, db, 2); err != nil {
		t.Error(err)
	}
}

// Two keepers on one database: the second follows the first at its release.
func TestKeepersFollowEachOther(t *testing.T) {
	s, _ := newLeases(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	keeper := func(name string) *lease.Keeper {
		return &lease.Keeper{Store: s, Holder: name, Serves: "chamber", Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	}
	first, second := make(chan *lease.Lease), make(chan *lease.Lease)
	stopping, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	hold := func(ctx context.Context, k *lease.Keeper, got chan<- *lease.Lease) {
		ended <- k.Hold(ctx, "key", func(ctx context.Context, l *lease.Lease) error {
			got <- l
			<-ctx.Done()
			return ctx.Err()
		})
	}
	go hold(stopping, keeper("one"), first)
	one := <-first
	go hold(ctx, keeper("two"), second)
	stop()
	two := <-second
	if one.Token() != 1 || two.Token() != 2 || one.Check() == nil || two.Check() != nil {
		t.Errorf("tokens %d and %d, checks %v and %v", one.Token(), two.Token(), one.Check(), two.Check())
	}
	cancel()
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestWorkersSeeEachOther(t *testing.T) {
	leases, db := newLeases(t)
	workers, elsewhere := store.NewWorkers(db.Pool(t), "chamber"), store.NewWorkers(db.Pool(t), "museum")
	beat := func(s *store.Workers, holder string) map[string]lease.Fellow {
		t.Helper()
		all, err := s.Beat(t.Context(), holder)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]lease.Fellow{}
		for _, f := range all {
			seen[f.Holder] = f
		}
		return seen
	}
	for _, key := range []string{"api_key/a", "api_key/b", "source/chamber"} {
		if _, err := leases.TakeLease(t.Context(), key, lease.Row{}, "one", "chamber"); err != nil {
			t.Fatal(err)
		}
	}
	beat(workers, "one")
	beat(elsewhere, "three")
	beat(workers, "two")
	seen := beat(workers, "one")
	want := map[string]lease.Fellow{"one": {Holder: "one", Beats: 2, Leases: 2}, "two": {Holder: "two", Beats: 1}}
	if !maps.Equal(seen, want) {
		t.Errorf("seen %+v, want %+v", seen, want)
	}
	// One that has beaten since is not dead.
	if err := workers.Forget(t.Context(), lease.Fellow{Holder: "one", Beats: 1}); err != nil {
		t.Fatal(err)
	}
	if err := workers.Forget(t.Context(), seen["two"]); err != nil {
		t.Fatal(err)
	}
	if seen := beat(workers, "one"); len(seen) != 1 || seen["one"].Beats != 3 {
		t.Errorf("after one was forgotten: %+v", seen)
	}
}

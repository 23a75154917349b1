package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// The times of a lease. A holder that died is followed by another within TTL,
// Poll and Settle, which is 12 seconds.
const (
	// TTL is how long a lease lasts from the moment before a renewal was sent.
	TTL = 10 * time.Second
	// Margin is how long before its end a holder takes a lease for ended.
	Margin = 2 * time.Second
	// Renew is the time between two renewals.
	Renew = 3 * time.Second
	// Poll is the time between two looks of a candidate.
	Poll = time.Second
	// Settle is how long a new holder waits: the last second of the one before
	// may be full of requests.
	Settle = time.Second
	// Slice is how long a lease is held although another wants it.
	Slice = 10 * time.Second
	// wantFor is how long a wish lasts that is not repeated.
	wantFor = 5 * Poll
)

var (
	// ErrLost says that the lease has ended, or may have: nothing may be sent,
	// and nothing recorded.
	ErrLost = errors.New("the lease was lost")
	// ErrYield is returned by work that ends because another wants the lease.
	ErrYield = errors.New("the lease is wanted by another")
)

// HeldError says that another process holds a lease.
type HeldError struct {
	Key    string
	Holder string
	Since  time.Time // by the holder's clock
}

// Error names the lease, its holder and since when.
func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is in use by %s since %s", e.Key, e.Holder, e.Since.UTC().Format(time.DateTime+" MST"))
}

// Row is a lease as it is on record. The zero Row was never held.
type Row struct {
	Holder      string // empty: free
	Serves      string
	Token       int64
	Renewals    int64
	HeldSince   time.Time
	WantedBy    string
	WantedUntil time.Time
}

// Store keeps leases. Each method is one transaction.
type Store interface {
	// Lease reads a lease.
	Lease(ctx context.Context, key string) (Row, error)
	// TakeLease makes the holder the lease's holder with a higher token, if the
	// lease is still as it was seen; token is 0 if not.
	TakeLease(ctx context.Context, key string, seen Row, holder, serves string) (token int64, err error)
	// RenewLease renews a lease; ok is false when the token is not the lease's.
	RenewLease(ctx context.Context, key string, token int64) (now Row, ok bool, err error)
	// ReleaseLease frees a lease that is still held with the token.
	ReleaseLease(ctx context.Context, key string, token int64) error
	// WantLease asks the holder to give the lease up, unless another asks.
	WantLease(ctx context.Context, key, who string, lasts time.Duration) error
}

// Lease is a lease that this process holds, or held.
type Lease struct {
	key   string
	token int64
	now   func() time.Time
	taken time.Time

	mu      sync.Mutex
	granted time.Time // just before the last renewal that succeeded
	lost    bool
	wanted  bool
}

// Key names the lease.
func (l *Lease) Key() string { return l.key }

// Token is the fencing token.
func (l *Lease) Token() int64 { return l.token }

// Check returns ErrLost unless the lease is held for at least Margin more. It is
// to be asked before each request, and asks nobody: a process that was stopped
// finds out by its own clock.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost || since(l.granted, l.now()) > TTL-Margin {
		return ErrLost
	}
	return nil
}

// Wanted says that work should end with ErrYield, as soon as it can, because
// another process wants the lease and this one has had it for a Slice.
func (l *Lease) Wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted && since(l.taken, l.now()) >= Slice
}

// Fence makes a transaction one that only the lease's holder can commit: it
// returns ErrLost when the lease was taken by another, and keeps others from
// taking it until the transaction ends. It is to be the transaction's first
// statement. FOR KEY SHARE, not FOR SHARE: the holder's own renewals go on
// meanwhile.
func (l *Lease) Fence(ctx context.Context, tx pgx.Tx) error { return Fence(ctx, tx, l.key, l.token) }

// Fence is Lease.Fence for who knows the key and the token.
func Fence(ctx context.Context, tx pgx.Tx, key string, token int64) error {
	var held int
	err := tx.QueryRow(ctx, "select 1 from rollcall_state.lease where key = $1 and token = $2 for key share", key, token).Scan(&held)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrLost
	}
	if err != nil {
		return fmt.Errorf("check lease: %w", err)
	}
	return nil
}

// since is how long ago a moment was, by the clock that says more: the monotonic
// one stands still while a virtual machine is suspended, and the other one may be
// set back.
func since(moment, now time.Time) time.Duration {
	return max(now.Sub(moment), now.Round(0).Sub(moment.Round(0)))
}

// renewed records an answer to a renewal that was sent at the time.
func (l *Lease) renewed(sent time.Time, wanted, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.lost = true
		return
	}
	l.granted = sent
	l.wanted = wanted
}

func (l *Lease) expired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return since(l.granted, l.now()) >= TTL
}

func (l *Lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
}

// watch is what a candidate has seen of a lease.
type watch struct {
	row   Row
	since time.Time // when this renewal was seen first, after the answer had come
	known bool
}

// free takes a look and says whether the lease may be taken: it was released, or
// the holder has let a whole TTL pass without a renewal.
func (w *watch) free(row Row, now time.Time) bool {
	if !w.known || row.Token != w.row.Token || row.Renewals != w.row.Renewals {
		w.since, w.known = now, true
	}
	w.row = row
	return row.Holder == "" || now.Sub(w.since) >= TTL
}

// left is how long a holder that does not renew any more still has the lease, as far
// as was seen; a Poll where that is no use.
func (w *watch) left(now time.Time) time.Duration {
	if left := TTL - now.Sub(w.since); w.known && left > 0 {
		return left
	}
	return Poll
}

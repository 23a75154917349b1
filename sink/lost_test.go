package sink

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// lostLedger has one open call.
type lostLedger struct {
	Ledger
	call    OpenActivity
	settled []Outcome
}

func (l *lostLedger) Open(context.Context) ([]OpenActivity, error) {
	if len(l.settled) > 0 {
		return nil, nil
	}
	return []OpenActivity{l.call}, nil
}

func (l *lostLedger) Ours(context.Context, time.Time) (map[string]bool, error) {
	return map[string]bool{}, nil
}

func (l *lostLedger) People(context.Context, int64) ([]mapper.Address, error) {
	return []mapper.Address{"ann@example.org"}, nil
}
func (l *lostLedger) Doubt(context.Context, int64) error        { return nil }
func (l *lostLedger) Sent(context.Context, int64, string) error { return nil }
func (l *lostLedger) Settle(_ context.Context, _ int64, o Outcome) error {
	l.settled = append(l.settled, o)
	return nil
}

// lostAPI lists activities, and knows none by itself.
type lostAPI struct {
	API
	pages func() []constantcontact.Activity
}

func (a *lostAPI) Activities(_ context.Context, each func([]constantcontact.Activity) error) error {
	if page := a.pages(); len(page) > 0 {
		if err := each(page); !errors.Is(err, constantcontact.ErrStop) {
			return err
		}
	}
	return nil
}

func (a *lostAPI) Activity(context.Context, string) (constantcontact.Activity, error) {
	return constantcontact.Activity{}, &constantcontact.APIError{Endpoint: constantcontact.Endpoint{Method: "GET"}, Status: http.StatusNotFound}
}

func (a *lostAPI) ContactByEmail(context.Context, string) (*constantcontact.Contact, error) {
	return nil, nil
}

var lostAt = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// polled polls now and then for so long, and returns how long it took until the call
// was settled; zero: it was not.
func polled(t *testing.T, l *lostLedger, api *lostAPI, first, every, most time.Duration) time.Duration {
	t.Helper()
	now := lostAt.Add(first)
	a := &Applier{API: api, Ledger: l, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	for ; now.Sub(lostAt) <= most; now = now.Add(every) {
		if _, _, err := a.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(l.settled) > 0 {
			return max(now.Sub(lostAt), 1)
		}
	}
	return 0
}

// An activity that somebody else began much later cannot be that of our call: a call
// whose reply was lost does not wait for it.
func TestALostCallDoesNotWaitForWhatBeganMuchLater(t *testing.T) {
	l := &lostLedger{call: OpenActivity{ID: 1, Kind: CallImport, People: 1, Lists: 1, CreatedAt: lostAt}}
	api := &lostAPI{pages: func() []constantcontact.Activity {
		return []constantcontact.Activity{{ID: "somebody else's", State: "processing", CreatedAt: lostAt.Add(2 * time.Hour)}}
	}}
	if took := polled(t, l, api, 2*time.Hour+time.Minute, time.Minute, 10*time.Hour); took == 0 {
		t.Error("not settled after ten hours")
	}
}

// An attempt may take a minute until it is given up. The search for its activity
// begins then, and not before.
func TestALostCallIsLookedForAfterItWasGivenUp(t *testing.T) {
	l := &lostLedger{call: OpenActivity{ID: 1, Kind: CallImport, People: 1, Lists: 1, CreatedAt: lostAt}}
	api := &lostAPI{pages: func() []constantcontact.Activity { return nil }}
	now := lostAt.Add(time.Minute)
	a := &Applier{API: api, Ledger: l, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	lost := &constantcontact.TransportError{Endpoint: constantcontact.Endpoint{Method: "POST"}, Written: true, Err: context.DeadlineExceeded}
	if err := a.failed(t.Context(), 1, &Call{Kind: CallImport}, lost); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	for len(l.settled) == 0 {
		if _, _, err := a.Poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	if took := now.Sub(lostAt); took < time.Minute+lostAfter {
		t.Errorf("given up for lost %s after its record", took)
	}
}

// An activity that was accepted just now need not be found at once.
func TestAnActivityThatIsNotShownYetIsNotLost(t *testing.T) {
	l := &lostLedger{call: OpenActivity{ID: 1, Kind: CallImport, ActivityID: "a1", People: 1, Lists: 1, CreatedAt: lostAt}}
	api := &lostAPI{pages: func() []constantcontact.Activity { return nil }}
	if took := polled(t, l, api, time.Second, time.Second, time.Hour); took < lostAfter {
		t.Errorf("given up for lost %s after it was accepted", took)
	}
}

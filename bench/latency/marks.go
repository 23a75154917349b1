package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

// mark is when a person's change came to a stage.
type mark struct{ offered, wire time.Time }

// marks are when changes came to each stage. The worker does one thing at a time:
// it plans a batch, reads its people, and then, call by call, puts people on record
// and sends.
type marks struct {
	mu      sync.Mutex
	people  map[mapper.Address]mark
	began   time.Time        // when the sender began with the batch at hand
	called  bool             // a call of that batch was sent
	calling []mapper.Address // of the call on record that is about to be sent
	wired   chan struct{}    // tells that a call was sent
}

func newMarks() *marks {
	return &marks{people: map[mapper.Address]mark{}, wired: make(chan struct{}, 1)}
}

// reading marks that the sender reads people. The first time after a call it begins
// with another batch.
func (m *marks) reading() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began.IsZero() || m.called {
		m.began, m.called = time.Now(), false
	}
}

// recorded marks that a call is on record and about to be sent.
func (m *marks) recorded(people []mapper.Address) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calling, m.called = people, true
	for _, address := range people {
		m.people[address] = mark{offered: m.began}
	}
}

// sending marks that a request leaves that is no reading.
func (m *marks) sending() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, address := range m.calling {
		one := m.people[address]
		one.wire = now
		m.people[address] = one
	}
	m.calling = nil
	select {
	case m.wired <- struct{}{}:
	default:
	}
}

// await waits until everybody is on the wire, and returns their marks.
func (m *marks) await(ctx context.Context, people map[mapper.Address]time.Time) (map[mapper.Address]mark, error) {
	for {
		if seen := m.all(people); seen != nil {
			return seen, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-m.wired:
		}
	}
}

// all are the marks of people; nil when somebody is not on the wire yet.
func (m *marks) all(people map[mapper.Address]time.Time) map[mapper.Address]mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[mapper.Address]mark, len(people))
	for address := range people {
		one := m.people[address]
		if one.wire.IsZero() {
			return nil
		}
		seen[address] = one
	}
	return seen
}

// markedLedger marks each call that is put on record.
type markedLedger struct {
	sink.Ledger
	marks *marks
}

// Begin records a call; see sink.Ledger.
func (l markedLedger) Begin(ctx context.Context, c *sink.Call, done []sink.Done) (int64, error) {
	id, err := l.Ledger.Begin(ctx, c, done)
	l.marks.recorded(c.Addresses)
	return id, err
}

// markedAPI marks when people are read.
type markedAPI struct {
	sink.API
	marks *marks
}

// Counts counts the account's contacts, with which a reading of many begins.
func (a markedAPI) Counts(ctx context.Context) (constantcontact.Counts, error) {
	a.marks.reading()
	return a.API.Counts(ctx)
}

// ContactByEmail reads one person.
func (a markedAPI) ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error) {
	a.marks.reading()
	return a.API.ContactByEmail(ctx, address)
}

// markedTransport marks each request that changes something.
type markedTransport struct {
	http.RoundTripper
	marks *marks
}

// RoundTrip sends a request; see http.RoundTripper.
func (t markedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/contact_exports") {
		t.marks.sending()
	}
	return t.RoundTripper.RoundTrip(r)
}

package ccsim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config is what a simulator starts with.
type Config struct {
	Now      func() time.Time // required
	Delay    time.Duration    // how long an activity takes; default 1 s
	Switches Switches
}

// Sim is a simulated Constant Contact with any number of accounts.
type Sim struct {
	mu         sync.Mutex
	now        func() time.Time
	offset     time.Duration
	skew       time.Duration // of the times that the vendor shows
	effective  time.Time     // while activities are applied: when they ended
	delay      time.Duration
	held       bool
	releasedAt time.Time
	switches   Switches
	accounts   map[string]*accountState // by name
	keys       map[string]*keyState
	faults     []Fault
	random     *randomFaults // nil: none

	grants    []*grant
	tokens    map[string]*accessToken
	refreshes map[string]*refreshToken
	latest    map[pair]*refreshToken // of rotating applications the only valid one
	codes     map[string]*authCode
	tokenAt   map[string]time.Time // last request of the token endpoint, by key
	consent   *Consent

	requests   []Request
	counts     map[string]int
	violations []Violation
	serial     int
}

// New returns a simulator without accounts.
func New(cfg Config) *Sim {
	if cfg.Delay == 0 {
		cfg.Delay = time.Second
	}
	return &Sim{
		now: cfg.Now, delay: cfg.Delay, switches: cfg.Switches,
		accounts: map[string]*accountState{}, keys: map[string]*keyState{}, counts: map[string]int{},
		tokens: map[string]*accessToken{}, refreshes: map[string]*refreshToken{}, latest: map[pair]*refreshToken{},
		codes: map[string]*authCode{}, tokenAt: map[string]time.Time{},
	}
}

// AddAccount makes an account and an access token of it that does not expire, or
// a further token of one that exists; without a token only the account. The
// vendor's limits count on the API key.
func (s *Sim) AddAccount(name, apiKey, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[name]
	if a == nil {
		a = newAccount(name)
		s.accounts[name] = a
	}
	if apiKey != "" {
		s.key(apiKey)
	}
	if token != "" {
		s.tokens[token] = &accessToken{grant: s.newGrant(apiKey, a, scopes, false)}
	}
}

// time is the simulated time; that of the effect while an activity is applied.
func (s *Sim) time() time.Time {
	if !s.effective.IsZero() {
		return s.effective
	}
	return s.now().Add(s.offset).UTC()
}

// identity makes a new identifier of the vendor's form.
func (s *Sim) identity() identity {
	s.serial++
	return identity{fmt.Sprintf("%08x-cc52-11ea-9dad-%012x", uint32(s.serial), s.serial), s.serial}
}

// Serve answers requests on addr until the context ends, then returns nil.
func (s *Sim) Serve(ctx context.Context, addr string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("start simulator: %w", err)
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve simulator: %w", err)
	}
	return nil
}

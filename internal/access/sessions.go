package access

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// accountKey is the only value of a session.
const accountKey = "account"

// load finds the session of a request: one without a value where there is none,
// or where it is over.
func (g *Guard) load(r *http.Request) (context.Context, error) {
	token := ""
	if c, err := r.Cookie(g.sessions.Cookie.Name); err == nil {
		token = c.Value
	}
	return g.sessions.Load(r.Context(), token)
}

// sessions is the store of the session manager, which hands it hashes in place
// of tokens. When a session is over is decided here, by our clock.
type sessions struct{ cfg Config }

func (s sessions) limits() (begunAfter, seenAfter time.Time) {
	now := s.cfg.Now()
	return now.Add(-s.cfg.Lifetime), now.Add(-s.cfg.Idle)
}

// FindCtx implements scs.CtxStore.
func (s sessions) FindCtx(ctx context.Context, hash string) ([]byte, bool, error) {
	begunAfter, seenAfter := s.limits()
	a, found, err := s.cfg.Store.ConsoleSession(ctx, hash, begunAfter, seenAfter)
	if err != nil || !found {
		return nil, false, err
	}
	b, err := json.Marshal(a)
	return b, true, err
}

// CommitCtx implements scs.CtxStore.
func (s sessions) CommitCtx(ctx context.Context, hash string, b []byte, _ time.Time) error {
	var a Account
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	begunAfter, seenAfter := s.limits()
	return s.cfg.Store.BeginConsoleSession(ctx, hash, a, begunAfter, seenAfter)
}

// DeleteCtx implements scs.CtxStore.
func (s sessions) DeleteCtx(ctx context.Context, hash string) error {
	return s.cfg.Store.EndConsoleSession(ctx, hash)
}

// errNoContext is what the methods without a context return. Nothing calls them.
var errNoContext = errors.New("a session needs the context of its request")

// Find implements scs.Store.
func (sessions) Find(string) ([]byte, bool, error) { return nil, false, errNoContext }

// Commit implements scs.Store.
func (sessions) Commit(string, []byte, time.Time) error { return errNoContext }

// Delete implements scs.Store.
func (sessions) Delete(string) error { return errNoContext }

// codec writes a session as its account alone.
type codec struct{}

// Encode implements scs.Codec.
func (codec) Encode(_ time.Time, values map[string]any) ([]byte, error) {
	return json.Marshal(values[accountKey])
}

// Decode implements scs.Codec.
func (codec) Decode(b []byte) (time.Time, map[string]any, error) {
	var a Account
	err := json.Unmarshal(b, &a)
	return time.Time{}, map[string]any{accountKey: a}, err
}

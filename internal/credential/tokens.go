package credential

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"rollcall/internal/failpoint"
	"rollcall/internal/secretbox"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

const (
	// recheck is how old a look at the record may be: somebody may have
	// connected or disconnected the account.
	recheck = 30 * time.Second
	// refreshBy and refreshFrom are how long before its end a token is
	// refreshed: associations are spread between them.
	refreshBy   = 5 * time.Minute
	refreshFrom = 60 * time.Minute
	// refreshPatience bounds a refresh with its repetition.
	refreshPatience = 90 * time.Second
	// pauses between attempts that failed
	firstPause = time.Minute
	longPause  = 15 * time.Minute
)

// Purpose is what tokens are sealed for; see secretbox.New.
const Purpose = "oauth tokens"

// Refresher makes tokens of a refresh token; see oauth.Client.
type Refresher interface {
	Refresh(ctx context.Context, refreshToken string, save oauth.SaveFunc) (oauth.Token, error)
}

// Tokens gives one association's access tokens while this process holds the
// lease of its API key. It is safe for concurrent use.
type Tokens struct {
	Source, Association string
	Store               Store
	Box                 *secretbox.Box // nil with Static
	OAuth               Refresher      // nil with Static
	// Static, when not nil, reads an access token of the configuration, which is
	// never refreshed.
	Static func() (string, error)
	Now    func() time.Time
	Log    *slog.Logger

	mu      sync.Mutex
	readAt  time.Time
	state   State
	detail  string
	now     pair
	given   string // the token handed out last
	refused string // the token that the API answered 401
	// renewed says that the token came of a refresh that a 401 asked for, and
	// has not worked yet.
	renewed  bool
	notUntil time.Time // no attempt before
	pause    time.Duration
	last     error // of the last attempt
	unsaved  *unsaved
}

// pair is the tokens on record, opened.
type pair struct {
	access, refresh string
	expires         time.Time
	version         int64
}

// unsaved is a pair that exists nowhere but here.
type unsaved struct {
	before int64
	next   oauth.Token
}

// Ready returns a *NotConnectedError when the account cannot be called until a
// person has acted. It asks the state database now and then, and nobody else.
func (t *Tokens) Ready(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ready(ctx)
}

// Reread has the record read again before the next token is given: somebody may
// have connected another account.
func (t *Tokens) Reread() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readAt = time.Time{}
}

func (t *Tokens) ready(ctx context.Context) error {
	if t.readAt.IsZero() || since(t.readAt, t.Now()) >= recheck {
		if err := t.read(ctx); err != nil {
			return err
		}
	}
	if t.state == Connected || t.Static != nil && t.state == Disconnected && t.detail == "" {
		return nil
	}
	return t.over(t.state, t.detail)
}

func (t *Tokens) over(state State, detail string) *NotConnectedError {
	return &NotConnectedError{Association: t.Association, State: state, Detail: detail, Static: t.Static != nil}
}

// since is how long ago a moment was; one in the future, after the clock was set
// back, is long ago.
func since(moment, now time.Time) time.Duration {
	if d := now.Sub(moment); d >= 0 {
		return d
	}
	return recheck
}

// read takes the state and the tokens from the record.
func (t *Tokens) read(ctx context.Context) error {
	c, sealed, err := t.Store.Connection(ctx)
	if err != nil {
		return err
	}
	if t.Static == nil && c.State == Connected {
		if sealed, err = t.reseal(ctx, sealed); err != nil {
			return err
		}
		if err := t.open(sealed); err != nil {
			return err
		}
	}
	t.state, t.detail, t.readAt = c.State, c.Detail, t.Now()
	return nil
}

// open takes over tokens from the record. Another pair than before is a new
// beginning.
func (t *Tokens) open(sealed Sealed) error {
	if sealed.Version == t.now.version {
		return nil
	}
	access, err := t.Box.Open(sealed.Access, t.row("access")...)
	if err != nil {
		return fmt.Errorf("open tokens of association %s: %w", t.Association, err)
	}
	refresh, err := t.Box.Open(sealed.Refresh, t.row("refresh")...)
	if err != nil {
		return fmt.Errorf("open tokens of association %s: %w", t.Association, err)
	}
	t.now = pair{string(access), string(refresh), sealed.ExpiresAt, sealed.Version}
	t.renewed, t.notUntil, t.pause, t.last = false, time.Time{}, 0, nil
	return nil
}

func (t *Tokens) row(column string) []string { return []string{t.Source, t.Association, column} }

func (t *Tokens) seal(next oauth.Token, version int64) Sealed {
	return Sealed{
		Access: t.Box.Seal([]byte(next.Access), t.row("access")...), Refresh: t.Box.Seal([]byte(next.Refresh), t.row("refresh")...),
		ExpiresAt: next.ExpiresAt, Version: version,
	}
}

// Token returns an access token for one request; see constantcontact.TokenFunc.
// The errors: *NotConnectedError, a person has to act; *RetryError, later; any
// other is the state database's, or of a master key that is missing.
func (t *Tokens) Token(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.saveUnsaved(ctx); err != nil {
		return "", err
	}
	if err := t.ready(ctx); err != nil {
		return "", err
	}
	if t.Static != nil {
		return t.Static()
	}
	if err := t.renew(ctx); err != nil {
		return "", err
	}
	t.given = t.now.access
	return t.given, nil
}

// Observe takes note of how a request with the last token was answered; see
// constantcontact.Config.Observe. After a 401 the next token is another one.
func (t *Tokens) Observe(c constantcontact.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case c.Status == http.StatusUnauthorized:
		t.refused = t.given
	case c.Status >= 200 && c.Status < 300 && t.given == t.now.access:
		t.renewed = false
	}
}

// Failed ends the connection when an error of the API says that only a person can
// help: a 401 with a token that was just renewed, or a 403, which is a scope, a
// privilege or the application itself. An answer that is not the API's own, such
// as a proxy's page, ends nothing.
func (t *Tokens) Failed(ctx context.Context, err error) error {
	refused, ok := errors.AsType[*constantcontact.APIError](err)
	if !ok || refused.Status != http.StatusForbidden && refused.Status != http.StatusUnauthorized || refused.Body != constantcontact.BodyJSON {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.condemn(ctx, fmt.Sprintf("Constant Contact answered %d to %s %s: %s",
		refused.Status, refused.Method, refused.Path, "the user's privileges, the application or the account changed"))
}

// renew sees to it that the token on hand can be used.
func (t *Tokens) renew(ctx context.Context) error {
	now := t.Now()
	left, refused := t.now.expires.Sub(now), t.now.access == t.refused
	if !refused && left > t.margin() {
		return nil
	}
	if refused && t.renewed {
		return t.condemned(ctx, "Constant Contact refused an access token that it had just issued")
	}
	// A clock that was set back must not stop us for longer than a pause.
	if wait := t.notUntil.Sub(now); wait > 0 && wait <= longPause {
		if !refused && left > 0 {
			return nil
		}
		return &RetryError{t.Association, t.notUntil, t.last}
	}
	err := t.refresh(ctx, refused)
	if err == nil {
		return nil
	}
	if _, over := errors.AsType[*NotConnectedError](err); over {
		return err
	}
	t.pause = min(max(2*t.pause, firstPause), longPause)
	t.notUntil, t.last = now.Add(t.pause), err
	if t.unsaved == nil && !refused && left > 0 {
		t.Log.Warn("token was not refreshed: going on with the present one", "association", t.Association, "err", err, "retry_in", t.pause.String())
		return nil
	}
	return &RetryError{t.Association, t.notUntil, err}
}

// margin is how long before its end this association's token is refreshed.
func (t *Tokens) margin() time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(t.Source + "\x00" + t.Association))
	return refreshBy + time.Duration(h.Sum32()%uint32((refreshFrom-refreshBy)/time.Second))*time.Second
}

// refresh makes a new pair, or finds that another process did. It is not cut off
// by a planned stop: in rotating mode that could lose the grant.
func (t *Tokens) refresh(ctx context.Context, refused bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshPatience)
	defer cancel()
	var dead error
	err := t.Store.LockTokens(ctx, func(ctx context.Context, l Locked) error {
		current, state := l.Current()
		if state != Connected || current.Version != t.now.version {
			return nil // somebody was faster, or disconnected
		}
		save := func(ctx context.Context, next oauth.Token) error {
			failpoint.Hit(failpoint.RefreshAnswered)
			err := l.Save(ctx, t.seal(next, current.Version+1))
			failpoint.Hit(failpoint.RefreshSaved)
			return err
		}
		failpoint.Hit(failpoint.RefreshBegun)
		next, err := t.ask(ctx, save)
		if errors.Is(err, oauth.ErrNeedsReconnect) {
			dead = err
			return nil
		}
		if lost, ok := errors.AsType[*oauth.UnsavedError](err); ok && !errors.Is(err, ErrSuperseded) {
			t.unsaved = &unsaved{current.Version, lost.Token}
		}
		if err != nil {
			return err
		}
		t.take(next, current.Version+1)
		t.renewed = refused
		return nil
	})
	if dead != nil {
		return t.condemned(ctx, "the refresh token was refused: "+dead.Error())
	}
	if err != nil && !errors.Is(err, ErrSuperseded) {
		return err
	}
	before := t.now.version
	if err := t.read(ctx); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	if t.now.version != before {
		t.Log.Info("tokens were renewed by another process", "association", t.Association)
	}
	return nil
}

// ask asks for a new pair. When it is not known whether the request was done, it
// is repeated once with the same refresh token: if it was done, that one is used
// up, and the answer says so.
func (t *Tokens) ask(ctx context.Context, save oauth.SaveFunc) (oauth.Token, error) {
	next, err := t.OAuth.Refresh(ctx, t.now.refresh, save)
	if _, ambiguous := errors.AsType[*oauth.AmbiguousError](err); !ambiguous {
		return next, err
	}
	t.Log.Warn("answer to a refresh was lost: asking once more", "association", t.Association, "err", err)
	return t.OAuth.Refresh(ctx, t.now.refresh, save)
}

// take goes on with a pair that is on record.
func (t *Tokens) take(next oauth.Token, version int64) {
	t.now = pair{next.Access, next.Refresh, next.ExpiresAt, version}
	t.renewed, t.notUntil, t.pause, t.last = false, time.Time{}, 0, nil
	t.Log.Info("tokens were refreshed", "association", t.Association, "expires_at", next.ExpiresAt)
}

// saveUnsaved saves the pair that could not be saved before. Until it is on
// record it is not used, and neither is the old one, which may be dead.
func (t *Tokens) saveUnsaved(ctx context.Context) error {
	if t.unsaved == nil {
		return nil
	}
	version := t.unsaved.before + 1
	err := t.Store.SaveTokens(ctx, t.unsaved.before, t.seal(t.unsaved.next, version))
	switch {
	case errors.Is(err, ErrSuperseded):
		t.unsaved, t.readAt = nil, time.Time{}
		return nil
	case err != nil:
		return err
	}
	t.take(t.unsaved.next, version)
	t.unsaved, t.readAt = nil, time.Time{}
	return nil
}

// condemned ends the connection and returns the error that says so.
func (t *Tokens) condemned(ctx context.Context, detail string) error {
	if err := t.condemn(ctx, detail); err != nil {
		return err
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if err := t.ready(ctx); err != nil {
		return err
	}
	return errors.New("the account was connected again meanwhile") // not an end: the next attempt has its tokens
}

// condemn ends the connection, unless somebody has connected it again meanwhile.
// It is told of once, however often it is found out.
func (t *Tokens) condemn(ctx context.Context, detail string) error {
	changed, err := t.Store.SetConnection(ctx, t.now.version, NeedsReconnecting, detail)
	if err != nil {
		return err
	}
	t.readAt = time.Time{}
	if changed {
		t.Log.Error("account has to be connected again: nothing is sent for the association until then, and everything stays queued",
			"association", t.Association, "detail", detail, "remedy", t.over(NeedsReconnecting, detail).Remedy())
	}
	return nil
}

// reseal seals tokens anew that an old master key sealed, so that it can be taken
// out of the configuration.
func (t *Tokens) reseal(ctx context.Context, sealed Sealed) (Sealed, error) {
	if !t.Box.Old(sealed.Access) && !t.Box.Old(sealed.Refresh) {
		return sealed, nil
	}
	renewed := sealed
	err := t.Store.LockTokens(ctx, func(ctx context.Context, l Locked) error {
		current, _ := l.Current()
		access, err := t.Box.Open(current.Access, t.row("access")...)
		if err != nil {
			return err
		}
		refresh, err := t.Box.Open(current.Refresh, t.row("refresh")...)
		if err != nil {
			return err
		}
		renewed = t.seal(oauth.Token{Access: string(access), Refresh: string(refresh), ExpiresAt: current.ExpiresAt}, current.Version+1)
		return l.Save(ctx, renewed)
	})
	if err != nil {
		return Sealed{}, fmt.Errorf("seal tokens of association %s with the new master key: %w", t.Association, err)
	}
	return renewed, nil
}

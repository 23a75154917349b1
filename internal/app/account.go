package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rollcall/internal/budget"
	"rollcall/internal/credential"
	"rollcall/internal/lease"
	"rollcall/sink/constantcontact"
)

// account is a deliver.Account: an association's connection and its share of the
// key's calls. It is used by one goroutine at a time.
type account struct {
	key    *apiKey
	member budget.Member
	tokens *credential.Tokens
	// verify checks which account the token of the configuration leads to, and
	// records it; nil for an account that somebody connected.
	verify func(context.Context) error
	now    func() time.Time
	log    *slog.Logger

	verified  string    // the token that was verified last
	complaint string    // what was wrong with the account when that was told of last
	until     time.Time // nothing is sent before
	told      time.Time // the end of the pause that was told of last
}

const (
	// notConnectedPause is the time between two looks whether somebody connected
	// the account.
	notConnectedPause = 30 * time.Second
	// verifyPause is the time between two looks whether a token of the configuration
	// leads to an account that can be used: each takes two calls.
	verifyPause = 15 * time.Minute
	// optOutPause is the time between two batches while only calls for opt-outs
	// are left.
	optOutPause = time.Minute
)

// begin is called when the lease was taken: somebody may have connected another
// account meanwhile.
func (a *account) begin() {
	a.verified, a.until = "", time.Time{}
	a.tokens.Reread()
}

// Pause is how long nothing is to be sent; see deliver.Account.
func (a *account) Pause(ctx context.Context) (time.Duration, error) {
	if wait := a.until.Sub(a.now()); wait > 0 {
		return wait, nil
	}
	if a.verify != nil {
		if usable, err := a.usable(ctx); err != nil || !usable {
			return max(a.until.Sub(a.now()), 0), err
		}
	}
	err := a.tokens.Ready(ctx)
	if _, ended := errors.AsType[*credential.NotConnectedError](err); ended {
		return notConnectedPause, nil // it was told of when it was found out
	}
	return 0, err
}

// usable verifies a token of the configuration once, and again when it was
// replaced. While it leads nowhere that may be used, nothing is sent.
func (a *account) usable(ctx context.Context) (bool, error) {
	token, err := a.tokens.Static()
	if err != nil || token == a.verified {
		return err == nil, err
	}
	err = a.verify(ctx)
	if err == nil {
		a.verified, a.complaint = token, ""
		a.tokens.Reread()
		return true, nil
	}
	_, other := errors.AsType[*credential.OtherAccountError](err)
	_, taken := errors.AsType[*credential.AccountTakenError](err)
	_, missing := errors.AsType[*credential.MissingError](err)
	if other || taken || missing {
		a.until = a.now().Add(verifyPause)
		if a.complaint != err.Error() {
			a.complaint = err.Error()
			a.log.Error("account cannot be used: nothing is sent for the association, and everything stays queued", "association", a.member.Association, "err", err)
		}
		return false, nil
	}
	if err = a.Failed(ctx, err); err == nil && !a.until.After(a.now()) {
		a.until = a.now().Add(verifyPause)
	}
	return false, err
}

// Failed accounts for errors that pass by themselves at a known time, or that a
// person has to mend; see deliver.Account.
func (a *account) Failed(ctx context.Context, err error) error {
	if errors.Is(err, lease.ErrLost) {
		return nil // the lease tells of it
	}
	if _, ended := errors.AsType[*credential.NotConnectedError](err); ended {
		return nil
	}
	if later, ok := errors.AsType[*credential.RetryError](err); ok {
		a.pause(later.At, later)
		return nil
	}
	if limited, ok := errors.AsType[*constantcontact.RateLimitError](err); ok && limited.Daily {
		return a.spent(ctx, limited)
	}
	if spent, ok := errors.AsType[*budget.SpentError](err); ok {
		return a.wait(ctx, spent)
	}
	if failed := a.tokens.Failed(ctx, err); failed != nil {
		return errors.Join(err, failed)
	}
	if _, ended := errors.AsType[*credential.NotConnectedError](a.tokens.Ready(ctx)); ended {
		return nil
	}
	return err
}

// spent takes Constant Contact's word for it that the day is spent.
func (a *account) spent(ctx context.Context, said error) error {
	t := a.key.term.Load()
	if t == nil {
		return nil
	}
	spent, err := t.counter.Spent(ctx)
	if err != nil {
		return errors.Join(said, err)
	}
	return a.wait(ctx, spent)
}

// wait waits for calls. While some are left for opt-outs, these go on.
func (a *account) wait(ctx context.Context, spent *budget.SpentError) error {
	until := spent.Until
	if t := a.key.term.Load(); t != nil && t.counter.Check(ctx, a.member, budget.OptOut) == nil {
		until = earlier(until, a.now().Add(optOutPause))
	}
	a.until = until
	if !spent.Until.Equal(a.told) {
		a.told = spent.Until
		a.log.Warn("no calls are left: everything stays queued", "association", a.member.Association, "api_key", a.key.name, "err", spent)
	}
	return nil
}

func (a *account) pause(until time.Time, why error) {
	a.until = until
	a.log.Warn("waiting for a token: everything stays queued", "association", a.member.Association, "err", why)
}

// pace is a deliver.Pace: how an association's changes are gathered so that the
// key's calls last the day.
type pace struct {
	key    *apiKey
	member budget.Member
}

// Linger is how long changes are gathered at the moment; see deliver.Pace.
func (p pace) Linger(ctx context.Context, base time.Duration) (time.Duration, error) {
	t := p.key.term.Load()
	if t == nil {
		return base, nil
	}
	return t.counter.Linger(ctx, p.member, base)
}

// Flushed is told that changes were sent; see deliver.Pace.
func (p pace) Flushed() {
	if t := p.key.term.Load(); t != nil {
		t.counter.Flushed(p.member)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// Token is a pair of tokens. An access token has over 1,000 characters.
type Token struct {
	Access    string
	Refresh   string
	ExpiresAt time.Time // of the access token, by our clock; never later than it is
	Scopes    []string  // as granted
}

// LogValue leaves the tokens out.
func (t Token) LogValue() slog.Value { return slog.GroupValue(slog.Time("expires_at", t.ExpiresAt)) }

// String leaves the tokens out.
func (t Token) String() string { return "[token]" }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// MissingScopes are those that were asked for and not granted.
func (t Token) MissingScopes() []string {
	return slices.DeleteFunc(slices.Clone(Scopes), func(scope string) bool { return slices.Contains(t.Scopes, scope) })
}

// SaveFunc makes a token durable. It is called before the token is returned, with
// a context that outlives the caller's.
type SaveFunc func(ctx context.Context, t Token) error

// Exchange makes tokens of a code. A code works once: after any error but one of
// saving the person is asked again. Without a refresh token, which an application
// gets only for offline_access, the error is ErrNoRefreshToken and nothing is
// saved.
//
// API docs: /oauth2/default/v1/token POST, grant_type=authorization_code
func (c *Client) Exchange(ctx context.Context, code string, a Attempt, save SaveFunc) (Token, error) {
	const operation = "exchange code"
	var options []oauth2.AuthCodeOption
	if c.pkce {
		options = append(options, oauth2.VerifierOption(a.Verifier))
	}
	return c.request(ctx, operation, []string{code, a.Verifier}, save, func(ctx context.Context) (*oauth2.Token, error) {
		return c.conf.Exchange(ctx, code, options...)
	})
}

// Refresh makes tokens of a refresh token, in one attempt. What comes back is to
// be used from then on; when no refresh token does, the old one stays, and the
// Token has it.
//
// The errors: ErrNeedsReconnect, the grant is dead; AmbiguousError, the token may
// have been replaced and the answer lost; UnsavedError, the new token is in it and
// exists nowhere else; after any other nothing has happened.
//
// API docs: /oauth2/default/v1/token POST, grant_type=refresh_token
func (c *Client) Refresh(ctx context.Context, refreshToken string, save SaveFunc) (Token, error) {
	const operation = "refresh token"
	if refreshToken == "" {
		return Token{}, fmt.Errorf("%s: there is none: %w", operation, ErrNeedsReconnect)
	}
	return c.request(ctx, operation, []string{refreshToken}, save, func(ctx context.Context) (*oauth2.Token, error) {
		return c.conf.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
	})
}

// request does one request of the token endpoint. secrets are what must not be in
// an error.
func (c *Client) request(
	ctx context.Context, operation string, secrets []string, save SaveFunc, do func(context.Context) (*oauth2.Token, error),
) (Token, error) {
	if err := c.wait(ctx); err != nil {
		return Token{}, fmt.Errorf("%s: wait for the limiter: %w", operation, err)
	}
	asked := c.now()
	var dialing, connected atomic.Bool
	traced := httptrace.WithClientTrace(context.WithValue(ctx, oauth2.HTTPClient, c.http), &httptrace.ClientTrace{
		GetConn: func(string) { dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	got, err := do(traced)
	if err != nil {
		// Only a connection that was asked for and never came proves that nothing
		// was written.
		written := connected.Load() || !dialing.Load()
		return Token{}, readError(operation, err, written, append(secrets, c.conf.ClientSecret))
	}
	t := Token{Access: got.AccessToken, Refresh: got.RefreshToken, ExpiresAt: asked.Add(lifetime(got.ExpiresIn)), Scopes: Scopes}
	if scope, told := got.Extra("scope").(string); told {
		t.Scopes = strings.Fields(scope)
	}
	if t.Refresh == "" {
		return Token{}, fmt.Errorf("%s: %w", operation, ErrNoRefreshToken)
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	if err := save(saving, t); err != nil {
		return Token{}, &UnsavedError{Token: t, Err: err}
	}
	return t, nil
}

const (
	longest = 86_400 * time.Second // of an access token; a static maximum of the vendor
	unknown = 10 * time.Minute     // when the answer does not say how long
)

// lifetime is how long an access token lives. The vendor's own library takes
// expires_in for a point in time, everybody else for seconds: what is longer than
// the maximum is the maximum, and a 401 will tell.
func lifetime(seconds int64) time.Duration {
	if seconds <= 0 {
		return unknown
	}
	return min(time.Duration(min(seconds, int64(longest/time.Second)))*time.Second, longest)
}

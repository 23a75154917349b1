package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"golang.org/x/oauth2"
)

// ErrState says that a callback does not belong to the question that was asked:
// somebody may be trying to connect an account of theirs.
var ErrState = errors.New("state of the callback is not the one that was sent")

// DeniedError is a callback without a code.
type DeniedError struct {
	Code string // such as access_denied
	Text string
}

// Error has the server's words.
func (e *DeniedError) Error() string {
	text := "connect account: " + e.Code
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// Attempt is one question to a person. It is kept until the callback comes, on our
// side only.
type Attempt struct {
	State    string
	Verifier string // of PKCE
}

// NewAttempt returns one with random texts.
func NewAttempt() Attempt { return Attempt{State: rand.Text(), Verifier: oauth2.GenerateVerifier()} }

// LogValue leaves the texts out.
func (a Attempt) LogValue() slog.Value { return slog.StringValue(a.String()) }

// String leaves the texts out.
func (Attempt) String() string { return "[attempt]" }

// GoString is String.
func (a Attempt) GoString() string { return a.String() }

// AuthCodeURL is the address that the person opens in a browser. It ends at the
// redirect URL with a code, which lives 300 seconds.
func (c *Client) AuthCodeURL(a Attempt) string {
	var options []oauth2.AuthCodeOption
	if c.pkce {
		options = append(options, oauth2.S256ChallengeOption(a.Verifier))
	}
	return c.conf.AuthCodeURL(a.State, options...)
}

// Code reads the query of a callback. A state that is not the attempt's is
// ErrState; a person, or a server, that refused is a DeniedError.
func (a Attempt) Code(callback url.Values) (string, error) {
	if a.State == "" || subtle.ConstantTimeCompare([]byte(callback.Get("state")), []byte(a.State)) != 1 {
		return "", fmt.Errorf("read callback: %w", ErrState)
	}
	if code := callback.Get("error"); code != "" {
		return "", &DeniedError{Code: shorten(code), Text: shorten(callback.Get("error_description"))}
	}
	code := callback.Get("code")
	if code == "" {
		return "", &DeniedError{Code: "no code"}
	}
	return code, nil
}

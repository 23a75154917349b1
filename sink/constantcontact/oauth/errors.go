package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

var (
	// ErrNeedsReconnect says that a person has to connect the account again, or
	// to correct the application's key and secret: no repetition helps.
	ErrNeedsReconnect = errors.New("the account has to be connected again")
	// ErrNoRefreshToken says that the account was connected without a refresh
	// token, so that the connection would end in a day.
	ErrNoRefreshToken = errors.New("the answer has no refresh token")
	// ErrThrottled says that the token endpoint was asked too often. The request
	// was not done.
	ErrThrottled = errors.New("too many requests of the token endpoint")
)

// Error is a refusal of the authorisation server. It is ErrNeedsReconnect or
// ErrThrottled where it means that.
type Error struct {
	Operation string
	Status    int
	Code      string // such as invalid_grant; empty when the body had none
	Text      string // the server's words, without what was sent
}

// Error names the operation, the status and the server's words.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: the authorisation server answered %d", e.Operation, e.Status)
	for _, more := range []string{e.Code, e.Text} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

// terminal are the codes that no repetition helps against.
var terminal = []string{"invalid_grant", "invalid_client", "unauthorized_client"}

// Is says what a refusal means.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNeedsReconnect:
		return slices.Contains(terminal, e.Code)
	case ErrThrottled:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

// AmbiguousError says that a request may have been done although no answer came
// that can be read. In rotating mode the refresh token that was sent may be dead.
// It is sent once more: ErrNeedsReconnect is then the truth.
type AmbiguousError struct {
	Operation string
	Err       error
}

// Error names the operation and the cause.
func (e *AmbiguousError) Error() string {
	return e.Operation + ": it is not known whether it was done: " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *AmbiguousError) Unwrap() error { return e.Err }

// UnsavedError says that a token was received and not made durable. In rotating
// mode it is the only one that is valid: whoever has this error saves it.
type UnsavedError struct {
	Token Token
	Err   error
}

// Error names the cause.
func (e *UnsavedError) Error() string { return "save token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *UnsavedError) Unwrap() error { return e.Err }

// readError types an error of a request of the token endpoint.
func readError(operation string, err error, written bool, secrets []string) error {
	refused, is := errors.AsType[*oauth2.RetrieveError](err)
	if !is {
		// The outer layer has the address, which is no secret but no news either.
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		err = &scrubbed{err, scrub(err.Error(), secrets)}
		if written {
			return &AmbiguousError{operation, err}
		}
		return fmt.Errorf("%s: not sent: %w", operation, err)
	}
	e := &Error{Operation: operation, Status: refused.Response.StatusCode, Code: refused.ErrorCode, Text: refused.ErrorDescription}
	if e.Code == "" {
		e.Code, e.Text = okta(refused.Body)
	}
	e.Code, e.Text = scrub(e.Code, secrets), scrub(e.Text, secrets)
	if e.Status >= 500 {
		return &AmbiguousError{operation, e}
	}
	return e
}

// okta reads an error in the form of the server's maker, if it is one.
func okta(body []byte) (code, text string) {
	var form struct {
		Code string `json:"errorCode"`
		Text string `json:"errorSummary"`
	}
	if json.Unmarshal(body, &form) != nil {
		return "", ""
	}
	return form.Code, form.Text
}

// scrubbed is an error with another text.
type scrubbed struct {
	error
	text string
}

func (s *scrubbed) Error() string { return s.text }

// Unwrap returns the cause.
func (s *scrubbed) Unwrap() error { return s.error }

// scrub takes what was sent out of a text and shortens it.
func scrub(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "[secret]")
		}
	}
	return shorten(text)
}

const maxText = 200

// shorten makes a text of somebody else's fit for a line of a log.
func shorten(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText-1]) + "…"
	}
	return text
}

package constantcontact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
)

var (
	// ErrStop is returned by a function that takes pages to end the reading
	// early and without an error.
	ErrStop = errors.New("stop reading pages")
	// ErrIncomplete says that a successful answer does not have what was asked
	// for. It exists because a contact whose lists were left out must never
	// look like a contact on no list.
	ErrIncomplete = errors.New("answer is incomplete")
	// ErrTooLarge says that an answer was larger than any that is meant.
	ErrTooLarge = errors.New("answer is too large")
	// ErrForeignLink says that a page points to another host, or back to a page
	// that was read before. It was not followed.
	ErrForeignLink = errors.New("link to the next page is not followed")
)

// APIError is an answer that is not a success.
type APIError struct {
	Endpoint
	Status  int
	Key     string   // error_key, empty when there was none
	Message string   // without e-mail addresses, at most 200 characters
	Body    BodyKind // what the body was
}

// BodyKind is what the body of an error was.
type BodyKind string

// The kinds of body. A proxy in front of the API answers with HTML or text.
const (
	BodyJSON  BodyKind = "json"
	BodyHTML  BodyKind = "html"
	BodyText  BodyKind = "text"
	BodyEmpty BodyKind = "empty"
)

// Error names the operation, the status and the vendor's words.
func (e *APIError) Error() string {
	text := fmt.Sprintf("%s: %s %s answered %d", e.words(), e.Method, e.Path, e.Status)
	if e.Key != "" {
		text += " " + e.Key
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Body != BodyJSON {
		text += fmt.Sprintf(" (%s body)", e.Body)
	}
	return text
}

// RateLimitError is an APIError with status 429: the request was not applied.
type RateLimitError struct {
	*APIError
	// Daily says that the key's calls of this day are used up. They come back
	// at 00:00 UTC; repeating before that is useless.
	Daily bool
	// Queue says that too many bulk activities of the account wait. There is
	// room when some have ended, in minutes.
	Queue bool
}

// Unwrap returns the APIError.
func (e *RateLimitError) Unwrap() error { return e.APIError }

// TransportError is a request without a complete answer.
type TransportError struct {
	Endpoint
	// Written says that the request may have reached the API.
	Written bool
	Err     error
}

// Error names the operation and the cause, never the URL.
func (e *TransportError) Error() string {
	return e.words() + ": no complete answer: " + scrub(e.Err.Error())
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// BodyError is a success whose body cannot be used. A change was applied, or
// will be.
type BodyError struct {
	Endpoint
	Status int
	Err    error // ErrIncomplete, ErrTooLarge, or why the JSON is unreadable
}

// Error names the operation and what is wrong with the body, never its content.
func (e *BodyError) Error() string {
	return fmt.Sprintf("%s: read answer %d: %v", e.words(), e.Status, e.Err)
}

// Unwrap returns the cause.
func (e *BodyError) Unwrap() error { return e.Err }

// The steps before a request is sent.
const (
	stepWait  = "wait for the limiter"
	stepToken = "get token"
)

// NotSentError says that a request was not sent, or not once more after
// answers that proved it was not applied.
type NotSentError struct {
	Operation string
	Step      string
	Err       error
}

// Error names the operation, the step and the cause.
func (e *NotSentError) Error() string {
	return strings.ReplaceAll(e.Operation, "_", " ") + ": " + e.Step + ": " + scrub(e.Err.Error())
}

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// Class is what a caller can do about an error.
type Class string

// The classes of error.
const (
	Retry     Class = "retry"     // temporary; for a change ask MayHaveApplied first
	Throttle  Class = "throttle"  // not applied; later
	Quota     Class = "quota"     // not applied; after 00:00 UTC
	Reject    Class = "reject"    // refused for good as it is
	Reconnect Class = "reconnect" // token, privileges or account: a person has to act
	Missing   Class = "missing"   // no such list, contact or activity
	Conflict  Class = "conflict"  // the name is taken, or somebody else changes the same thing
	Fatal     Class = "fatal"     // a defect here, or an API that changed
)

// Classify returns the class of an error of this package; other errors are
// Fatal, and an ended context is Retry.
func Classify(err error) Class {
	if limited, ok := errors.AsType[*RateLimitError](err); ok {
		if limited.Daily {
			return Quota
		}
		return Throttle
	}
	if refused, ok := errors.AsType[*APIError](err); ok {
		return classifyStatus(refused.Status)
	}
	if _, ok := errors.AsType[*TransportError](err); ok {
		return Retry
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return Reject
	}
	if _, ok := errors.AsType[*StateError](err); ok {
		return Reject
	}
	unsent, notSent := errors.AsType[*NotSentError](err)
	unreadable, badBody := errors.AsType[*BodyError](err)
	switch {
	case errors.Is(err, ErrNoContact):
		return Missing
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Retry
	case notSent && unsent.Step == stepWait:
		return Throttle
	case notSent && unsent.Step == stepToken:
		if _, network := errors.AsType[net.Error](err); network {
			return Retry
		}
		return Reconnect
	case badBody && unreadable.temporary():
		return Retry
	}
	return Fatal
}

func classifyStatus(status int) Class {
	switch {
	case status >= 500 || status == http.StatusRequestTimeout:
		return Retry
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Reconnect
	case status == http.StatusNotFound:
		return Missing
	case status == http.StatusConflict:
		return Conflict
	case status < 400 || status == http.StatusMethodNotAllowed || status == http.StatusNotAcceptable || status == http.StatusUnsupportedMediaType:
		return Fatal
	}
	return Reject
}

// temporary: a torn body may be whole the next time, one that lacks something
// will lack it again.
func (e *BodyError) temporary() bool {
	_, other := errors.AsType[*ColumnError](e.Err)
	return !other && !errors.Is(e.Err, ErrIncomplete) && !errors.Is(e.Err, ErrTooLarge)
}

// MayHaveApplied says whether the request behind an error may have changed
// something: it was a change, it was written, and the answer was lost, unreadable
// or a failure inside Constant Contact.
func MayHaveApplied(err error) bool {
	if refused, ok := errors.AsType[*APIError](err); ok {
		return refused.changes() && (refused.Status >= 500 || refused.Status == http.StatusRequestTimeout)
	}
	if lost, ok := errors.AsType[*TransportError](err); ok {
		return lost.changes() && lost.Written
	}
	if unreadable, ok := errors.AsType[*BodyError](err); ok {
		return unreadable.changes()
	}
	return false
}

const (
	keyThrottled = "throttled"
	keyQuota     = "quota_exceeded"
)

// repeatable says whether the client itself may send the request again at once.
func repeatable(err error) bool {
	if limited, ok := errors.AsType[*RateLimitError](err); ok {
		// A full queue of activities has another key and takes minutes.
		return limited.Key == keyThrottled
	}
	if refused, ok := errors.AsType[*APIError](err); ok {
		return !refused.changes() && Classify(err) == Retry
	}
	if lost, ok := errors.AsType[*TransportError](err); ok {
		return !lost.changes()
	}
	if unreadable, ok := errors.AsType[*BodyError](err); ok {
		return !unreadable.changes() && unreadable.temporary()
	}
	return false
}

// apiMessage has the members of all three shapes of an error.
type apiMessage struct {
	Key     string `json:"error_key"`
	Text    string `json:"error_message"`
	Gateway string `json:"message"`
}

func newAPIError(op Endpoint, status int, body []byte) error {
	e := &APIError{Endpoint: op, Status: status, Body: BodyText}
	body = bytes.TrimSpace(body)
	var one apiMessage
	var many []apiMessage
	switch {
	case len(body) == 0:
		e.Body = BodyEmpty
	case json.Unmarshal(body, &many) == nil:
		e.Body = BodyJSON
	case json.Unmarshal(body, &one) == nil:
		e.Body, many = BodyJSON, []apiMessage{one}
	case body[0] == '<':
		e.Body = BodyHTML
	default:
		many = []apiMessage{{Text: string(body)}}
	}
	var texts []string
	for _, m := range many {
		if e.Key == "" {
			e.Key = scrub(m.Key)
		}
		for _, text := range []string{m.Text, m.Gateway} {
			if text != "" {
				texts = append(texts, text)
			}
		}
	}
	e.Message = scrub(strings.Join(texts, "; "))
	if status == http.StatusTooManyRequests {
		// The key of a full queue's error is not documented: it may be that of the day.
		queue := strings.Contains(strings.ToLower(e.Message), "queued activities")
		return &RateLimitError{APIError: e, Daily: e.Key == keyQuota && !queue, Queue: queue}
	}
	return e
}

// readable turns what encoding/json says into words without the body's content.
func readable(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("not a %s at byte %d", wrong.Type, wrong.Offset)
	}
	return err
}

// address finds anything with an at sign, however it is encoded, with all that
// is joined to it.
var address = regexp.MustCompile(`(?i)("[^"]*")?[^\s"'<>()\[\]{},;]*(?:@|%40|＠|&#64;|&#x40;)[^\s"'<>()\[\]{},;]*`)

const maxMessage = 200

// scrub takes e-mail addresses out of a text of the vendor's and shortens it.
func scrub(text string) string {
	text = address.ReplaceAllString(strings.ToValidUTF8(text, "?"), "[address]")
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage-1]) + "…"
	}
	return text
}

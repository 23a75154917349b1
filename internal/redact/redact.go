// Package redact keeps member data and secrets out of the log. It wraps a
// slog.Handler and replaces, in messages and in attributes however deep,
// whatever looks like an e-mail address by "[address]" and every registered
// secret by "[secret]".
//
// It is the last line of defence. What is logged should not have member data in
// the first place, and names of people have no form that could be found here.
package redact

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// address finds anything with an at sign, however it is encoded, with all that
// is joined to it. It takes more than real addresses on purpose.
var address = regexp.MustCompile(`(?i)("[^"]*")?[^\s"'<>()\[\]{},;]*(?:@|%40|＠|&#64;|&#x40;|\\u0040)[^\s"'<>()\[\]{},;]*`)

// minSecret is the shortest secret that is replaced: a shorter one would tear
// holes into ordinary words.
const minSecret = 4

// secrets are the texts to be replaced.
type secrets struct {
	mu       sync.RWMutex
	known    []string // the longest first, so that one within another leaves no rest
	replacer *strings.Replacer
}

func (s *secrets) register(value string) {
	if len(value) < minSecret {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.known, value) {
		return
	}
	s.known = append(s.known, value, url.QueryEscape(value), url.PathEscape(value))
	slices.SortFunc(s.known, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, known := range s.known {
		pairs = append(pairs, known, "[secret]")
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// clean replaces secrets and addresses.
func (s *secrets) clean(text string) string {
	s.mu.RLock()
	replacer := s.replacer
	s.mu.RUnlock()
	if replacer != nil {
		text = replacer.Replace(text)
	}
	return address.ReplaceAllString(text, "[address]")
}

// Handler redacts records and hands them on.
type Handler struct {
	next    slog.Handler
	secrets *secrets
}

// NewHandler wraps next.
func NewHandler(next slog.Handler) *Handler {
	return &Handler{next: next, secrets: &secrets{}}
}

// Register adds a secret by its value, also in the form that it has within a
// URL, for this handler and all that With makes of it. Values shorter than four
// bytes are not replaced. Attributes given to Logger.With before are not looked
// at again.
func (h *Handler) Register(value string) { h.secrets.register(value) }

// Enabled reports what the wrapped handler reports.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle hands on a redacted copy of the record.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.secrets.clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs returns a handler with redacted attributes.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &Handler{next: h.next.WithAttrs(h.attrs(attrs)), secrets: h.secrets}
}

// WithGroup returns a handler with a group of a redacted name.
func (h *Handler) WithGroup(name string) slog.Handler {
	return &Handler{next: h.next.WithGroup(h.secrets.clean(name)), secrets: h.secrets}
}

func (h *Handler) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return clean
}

func (h *Handler) attr(a slog.Attr) slog.Attr {
	return slog.Attr{Key: h.secrets.clean(a.Key), Value: h.value(a.Value.Resolve())}
}

func (h *Handler) value(v slog.Value) slog.Value {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(h.secrets.clean(v.String()))
	case slog.KindGroup:
		return slog.GroupValue(h.attrs(v.Group())...)
	case slog.KindAny:
		return h.any(v)
	}
	return v // numbers, times and booleans
}

// any leaves a value alone only when neither of the two ways in which a handler
// may print it has anything to hide. A value whose own methods panic, such as a
// nil error with a type, does not end the program.
func (h *Handler) any(v slog.Value) (clean slog.Value) {
	defer func() {
		if recover() != nil {
			clean = slog.StringValue("[unprintable]")
		}
	}()
	switch x := v.Any().(type) {
	case error:
		return slog.StringValue(h.secrets.clean(x.Error()))
	case []byte:
		return slog.StringValue(h.secrets.clean(string(x)))
	case encoding.TextMarshaler:
		if text, err := x.MarshalText(); err == nil {
			return slog.StringValue(h.secrets.clean(string(text)))
		}
	}
	plain := fmt.Sprintf("%+v", v.Any())
	encoded, err := json.Marshal(v.Any())
	if err != nil {
		encoded = []byte(plain)
	}
	cleanPlain, cleanEncoded := h.secrets.clean(plain), h.secrets.clean(string(encoded))
	switch {
	case cleanPlain == plain && cleanEncoded == string(encoded):
		return v
	case cleanPlain == plain:
		return slog.StringValue(cleanEncoded)
	}
	return slog.StringValue(cleanPlain)
}

package redact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"
)

const (
	canary = "zz-canary@example.org"
	secret = "s3cret-t0ken/with+signs"
)

type person struct {
	Rep   int
	Email string
	Next  *person
}

type marshaler struct{ text string }

func (m marshaler) MarshalText() ([]byte, error) { return []byte(m.text), nil }

type unprintable struct{ Email string }

func (unprintable) MarshalJSON() ([]byte, error) { return nil, errors.New("no JSON of " + canary) }

type valuer struct{ v any }

func (v valuer) LogValue() slog.Value { return slog.GroupValue(slog.Any("inner", v.v)) }

type stringer struct{}

func (*stringer) String() string { return "to " + canary }

// hidden is everything that may carry the address or the secret into a log.
func hidden() map[string]any {
	return map[string]any{
		"text":              "to " + canary,
		"capitals":          "ZZ-Canary@Example.ORG",
		"several":           canary + ",zz-canary@x.example.com;<" + canary + ">",
		"no domain":         "zz-canary@localhost",
		"quoted local part": `"zz canary"@example.org`,
		"unicode":           "zz-canary-ü@exämple.org",
		"error":             errors.New("refused " + canary),
		"wrapped error":     fmt.Errorf("import: %w", fmt.Errorf("row 3: %w", errors.New(canary))),
		"joined errors":     errors.Join(io.EOF, errors.New(canary)),
		"URL error":         &url.Error{Op: "Get", URL: "https://api.example.org/?email=zz-canary%40example.org", Err: io.EOF},
		"URL":               &url.URL{Scheme: "mailto", Opaque: canary},
		"struct":            person{Rep: 7, Email: canary},
		"pointer":           &person{Rep: 7, Email: canary},
		"nested pointer":    person{Next: &person{Email: canary}},
		"slice":             []string{"a", canary},
		"map":               map[string]any{canary: 1, "list": []person{{Email: canary}}},
		"bytes":             []byte(canary),
		"marshaler":         marshaler{canary},
		"not JSON":          unprintable{canary},
		"stringer":          &stringer{},
		"valuer":            valuer{valuer{canary}},
		"secret":            "Bearer " + secret,
		"secret in a URL":   "https://x.example.org/?token=" + url.QueryEscape(secret),
		"secret in a slice": []string{secret},
		"secret in error":   fmt.Errorf("get token: %w", errors.New(secret)),
	}
}

// log returns what all ways of logging value write with either handler.
func log(value any) string {
	var out bytes.Buffer
	for _, next := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		h := NewHandler(next)
		h.Register(secret)
		l := slog.New(h)
		l.Info(fmt.Sprintf("message %v", value))
		l.Error("attribute", "value", value)
		l.Info("group", slog.Group("a", slog.Group("b", slog.Any("value", value))))
		l.With("value", value).Info("with")
		l.WithGroup("g").With(slog.Group("h", "value", value)).Info("with group", "other", value)
		l.Info("key", fmt.Sprint(value), 1)
		l.WithGroup(fmt.Sprint(value)).Info("group name", "a", 1)
	}
	return out.String()
}

func TestNothingGetsThrough(t *testing.T) {
	for name, value := range hidden() {
		t.Run(name, func(t *testing.T) {
			text := log(value)
			for _, trace := range []string{"canary", "s3cret", "t0ken"} {
				if strings.Contains(strings.ToLower(text), trace) {
					t.Errorf("logged %s", text)
				}
			}
			if !strings.Contains(text, "[address]") && !strings.Contains(text, "[secret]") {
				t.Errorf("nothing was replaced: %s", text)
			}
		})
	}
}

func TestTheRestStays(t *testing.T) {
	var out bytes.Buffer
	l := slog.New(NewHandler(slog.NewJSONHandler(&out, &slog.HandlerOptions{AddSource: true})))
	l.Info("sent call", "activity", int64(7), "took", time.Second, "rep", "5", "lists", []string{"a", "b"}, "ok", true, "who", person{Rep: 7}, "err", io.EOF)
	for _, want := range []string{
		`"msg":"sent call"`, `"activity":7`, `"took":1000000000`, `"rep":"5"`, `"lists":["a","b"]`, `"ok":true`,
		`"who":{"Rep":7,"Email":"","Next":null}`, `"err":"EOF"`, `redact_test.go`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}

func TestSecrets(t *testing.T) {
	s := &secrets{}
	s.register("abc")
	s.register("")
	s.register("inner-secret")
	s.register("outer-inner-secret-outer")
	for text, want := range map[string]string{
		"abc stays":                      "abc stays",
		"x outer-inner-secret-outer y":   "x [secret] y",
		"x inner-secret y":               "x [secret] y",
		"inner-secretinner-secret":       "[secret][secret]",
		"postgres://a:inner-secret@h/db": "postgres://a:[secret][address]",
	} {
		if got := s.clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestConcurrentRegister(t *testing.T) {
	h := NewHandler(slog.DiscardHandler)
	l := slog.New(h).With("z", 1)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { h.Register(fmt.Sprintf("secret-%d", i)); l.Info("x", "y", "secret-1") })
	}
	wg.Wait()
	if got := h.secrets.clean("secret-7"); got != "[secret]" {
		t.Errorf("got %q", got)
	}
}

func TestEnabledAsksTheWrappedHandler(t *testing.T) {
	h := NewHandler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if h.Enabled(context.Background(), slog.LevelInfo) || !h.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("level of the wrapped handler is not kept")
	}
}

// TestHandlerContract runs the standard library's suite for handlers.
func TestHandlerContract(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return NewHandler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		var m map[string]any
		if err := json.Unmarshal(out.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	})
}

type fragile struct{ text string }

func (f *fragile) Error() string { return f.text }

// TestNilErrorDoesNotPanic: a log line must not end the program.
func TestNilErrorDoesNotPanic(t *testing.T) {
	var out bytes.Buffer
	var none *fragile
	slog.New(NewHandler(slog.NewTextHandler(&out, nil))).Info("x", "err", error(none))
	if !strings.Contains(out.String(), "[unprintable]") {
		t.Errorf("logged %s", out.String())
	}
}

// FuzzClean: no at sign is left, and cleaning again changes nothing.
func FuzzClean(f *testing.F) {
	f.Add("to " + canary)
	f.Add(`"zz canary"@x`)
	f.Add("a%40b&#64;c\\u0040d＠e")
	f.Fuzz(func(t *testing.T, text string) {
		s := &secrets{}
		got := s.clean(text)
		if strings.ContainsAny(got, "@＠") || s.clean(got) != got {
			t.Errorf("%q became %q", text, got)
		}
	})
}

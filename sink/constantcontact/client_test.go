package constantcontact

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no token":                    func(c *Config) { c.Token = nil },
		"no limiter":                  func(c *Config) { c.Wait = nil },
		"no clock":                    func(c *Config) { c.Now = nil },
		"no user agent":               func(c *Config) { c.UserAgent = "" },
		"http to another host":        func(c *Config) { c.BaseURL = "http://api.example.org/v3" },
		"relative base URL":           func(c *Config) { c.BaseURL = "/v3" },
		"credentials in the base URL": func(c *Config) { c.BaseURL = "https://s3cret@api.example.org/v3" },
		"query in the base URL":       func(c *Config) { c.BaseURL = "https://api.example.org/v3?token=s3cret" },
		"base URL that is none":       func(c *Config) { c.BaseURL = "https://s3cret:port/" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(nil)
			change(&cfg)
			_, err := New(cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("error repeats the URL: %v", err)
			}
		})
	}
}

func TestDefaultTransport(t *testing.T) {
	cfg := config(nil)
	cfg.HTTP = nil
	c := newClient(t, cfg)
	transport := c.http.Transport.(*http.Transport)
	if v := transport.TLSClientConfig.MinVersion; v < 0x0303 {
		t.Errorf("minimum TLS version is %#x, want 1.2", v)
	}
	if c.base != DefaultBaseURL {
		t.Errorf("base is %q", c.base)
	}
}

func TestRequestHeaders(t *testing.T) {
	var got *http.Request
	var body string
	var steps []string
	cfg := config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		steps = append(steps, "request")
		reply(w, 201, activity1)
	}))
	cfg.Wait = func(context.Context) error { steps = append(steps, "wait"); return nil }
	cfg.Token = func(context.Context) (string, error) { steps = append(steps, "token"); return "tok", nil }
	var seen []Call
	cfg.Observe = func(c Call) { seen = append(seen, c) }
	c := newClient(t, cfg)
	if _, err := c.AddListMemberships(t.Context(), []string{contactID}, []string{listID}); err != nil {
		t.Fatal(err)
	}
	for header, want := range map[string]string{
		"Authorization": "Bearer tok", "User-Agent": "rollcall-test/1",
		"Accept": "application/json", "Content-Type": "application/json",
	} {
		if v := got.Header.Get(header); v != want {
			t.Errorf("%s is %q, want %q", header, v, want)
		}
	}
	if got.Method != "POST" || got.URL.String() != DefaultBaseURL+"/activities/add_list_memberships" {
		t.Errorf("request is %s %s", got.Method, got.URL)
	}
	if want := `{"source":{"contact_ids":["` + contactID + `"]},"list_ids":["` + listID + `"]}`; body != want {
		t.Errorf("body is %s, want %s", body, want)
	}
	if order := strings.Join(steps, " "); order != "token wait request" {
		t.Errorf("order is %q", order)
	}
	if len(seen) != 1 || seen[0].Operation != "add_list_memberships" || seen[0].Status != 201 || seen[0].RequestBytes != len(body) {
		t.Errorf("observed %+v", seen)
	}
}

func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		accepted string
		tokens   int
		class    Class
	}{
		"second token accepted": {"token-2", 2, ""},
		"second token refused":  {"none", 2, Reconnect},
	} {
		t.Run(name, func(t *testing.T) {
			tokens, waits := 0, 0
			cfg := config(inMemory(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer "+tc.accepted {
					reply(w, 401, `{"error_key":"unauthorized","error_message":"Unauthorized"}`)
					return
				}
				reply(w, 201, activity1)
			}))
			cfg.Wait = func(context.Context) error { waits++; return nil }
			cfg.Token = func(context.Context) (string, error) { tokens++; return fmt.Sprintf("token-%d", tokens), nil }
			_, err := newClient(t, cfg).ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
			if tc.class == "" && err != nil || tc.class != "" && Classify(err) != tc.class {
				t.Errorf("error is %v, want class %q", err, tc.class)
			}
			if tokens != tc.tokens || waits != tc.tokens {
				t.Errorf("%d tokens and %d waits, want %d", tokens, waits, tc.tokens)
			}
			if MayHaveApplied(err) {
				t.Error("a refused token may not have applied anything")
			}
		})
	}
}

func TestNothingIsSentWithoutLimiterAndToken(t *testing.T) {
	errSpent := errors.New("budget spent")
	for name, tc := range map[string]struct {
		change func(*Config)
		class  Class
	}{
		"limiter refuses": {func(c *Config) { c.Wait = func(context.Context) error { return errSpent } }, Throttle},
		"no token":        {func(c *Config) { c.Token = func(context.Context) (string, error) { return "", errSpent } }, Reconnect},
		"empty token":     {func(c *Config) { c.Token = func(context.Context) (string, error) { return "", nil } }, Reconnect},
		"torn token":      {func(c *Config) { c.Token = func(context.Context) (string, error) { return "a\nb", nil } }, Reconnect},
		"token server is away": {func(c *Config) {
			c.Token = func(context.Context) (string, error) { return "", &net.OpError{Op: "dial", Err: errSpent} }
		}, Retry},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(inMemory(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
			tc.change(&cfg)
			_, err := newClient(t, cfg).RemoveListMemberships(t.Context(), []string{contactID}, []string{listID})
			if got := Classify(err); got != tc.class || MayHaveApplied(err) {
				t.Errorf("class is %s, want %s; may have applied: %v (%v)", got, tc.class, MayHaveApplied(err), err)
			}
		})
	}
}

// sequence answers with the statuses in turn, and then with the last one.
func sequence(calls *int, statuses ...int) inMemory {
	return func(w http.ResponseWriter, _ *http.Request) {
		status := statuses[min(*calls, len(statuses)-1)]
		*calls++
		switch status {
		case 200:
			reply(w, 200, `{"total":7}`)
		case 201:
			reply(w, 201, activity1)
		case 206:
			reply(w, 200, `{"total":`)
		case 429:
			reply(w, 429, `{"error_key":"throttled","error_message":"Too Many Requests"}`)
		case 4290:
			reply(w, 429, `{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}`)
		case 4291:
			reply(w, 429, `[{"error_key":"queue","error_message":"You exceeded 1,000 queued activities for this user account."}]`)
		default:
			reply(w, status, "")
		}
	}
}

func TestRetries(t *testing.T) {
	read := func(ctx context.Context, c *Client) error { _, err := c.Counts(ctx); return err }
	change := func(ctx context.Context, c *Client) error {
		_, err := c.AddListMemberships(ctx, []string{contactID}, []string{listID})
		return err
	}
	for name, tc := range map[string]struct {
		do       func(context.Context, *Client) error
		statuses []int
		calls    int // 0: several
		class    Class
		applied  bool
	}{
		"a read after a failure":          {read, []int{503, 500, 200}, 3, "", false},
		"a read when throttled":           {read, []int{429, 200}, 2, "", false},
		"a read that keeps failing":       {read, []int{503}, 0, Retry, false},
		"a read after a torn answer":      {read, []int{206, 200}, 2, "", false},
		"a read without budget":           {read, []int{4290}, 1, Quota, false},
		"a read that is refused":          {read, []int{400}, 1, Reject, false},
		"a change when throttled":         {change, []int{429, 429, 201}, 3, "", false},
		"a change that keeps throttled":   {change, []int{429}, 0, Throttle, false},
		"a change without budget":         {change, []int{4290}, 1, Quota, false},
		"a change with a full queue":      {change, []int{4291}, 1, Throttle, false},
		"a change after a failure":        {change, []int{503, 201}, 1, Retry, true},
		"a change that is not understood": {change, []int{400}, 1, Reject, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, start := 0, time.Now()
				c := newClient(t, config(sequence(&calls, tc.statuses...)))
				err := tc.do(t.Context(), c)
				if tc.class == "" && err != nil || tc.class != "" && Classify(err) != tc.class {
					t.Errorf("error is %v, want class %q", err, tc.class)
				}
				if MayHaveApplied(err) != tc.applied {
					t.Errorf("may have applied is %v", !tc.applied)
				}
				if tc.calls > 0 && calls != tc.calls || tc.calls == 0 && calls < 4 {
					t.Errorf("%d calls, want %d", calls, tc.calls)
				}
				if took := time.Since(start); took > retryFor {
					t.Errorf("took %s, at most %s", took, retryFor)
				}
			})
		})
	}
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := newClient(t, config(sequence(&calls, 429)))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.AddListMemberships(ctx, []string{contactID}, []string{listID})
		if !errors.Is(err, context.DeadlineExceeded) || MayHaveApplied(err) {
			t.Errorf("error is %v", err)
		}
	})
}

func TestSlowAnswerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := newClient(t, config(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})))
		_, err := c.ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
		if time.Since(start) != attemptTimeout || Classify(err) != Retry || !MayHaveApplied(err) {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestLostAnswer uses real connections: only they tell whether a request was
// written.
func TestLostAnswer(t *testing.T) {
	hangUp := func(w http.ResponseWriter, after string) {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = buf.WriteString(after)
		_ = buf.Flush()
		_ = conn.Close()
	}
	for name, answer := range map[string]string{
		"cut before the answer": "",
		"cut within the answer": "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"activity_id\":",
		"cut JSON":              "HTTP/1.1 201 Created\r\nContent-Length: 15\r\n\r\n{\"activity_id\":",
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hangUp(w, answer) }))
			defer server.Close()
			cfg := config(nil)
			cfg.HTTP, cfg.BaseURL = server.Client(), server.URL+"/v3"
			_, err := newClient(t, cfg).ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
			if !MayHaveApplied(err) || Classify(err) != Retry {
				t.Errorf("class %s, may have applied %v: %v", Classify(err), MayHaveApplied(err), err)
			}
		})
	}
	t.Run("no connection", func(t *testing.T) {
		server := httptest.NewServer(nil)
		server.Close()
		cfg := config(nil)
		cfg.HTTP, cfg.BaseURL = nil, server.URL+"/v3"
		c := newClient(t, cfg)
		defer c.Close()
		_, err := c.ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
		if MayHaveApplied(err) || Classify(err) != Retry {
			t.Errorf("class %s, may have applied %v: %v", Classify(err), MayHaveApplied(err), err)
		}
	})
}

func TestErrorsDoNotShowTheQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, config(roundTrip(func(r *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("reset while reading %s", r.URL)
		})))
		_, err := c.ContactByEmail(t.Context(), canary)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestRedirectIsNotFollowed(t *testing.T) {
	calls := 0
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Location", "https://elsewhere.example.org/")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})))
	_, err := c.ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
	if calls != 1 || Classify(err) != Fatal || MayHaveApplied(err) {
		t.Errorf("%d calls: %v", calls, err)
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
func (endless) Close() error { return nil }

func TestAbsurdBodies(t *testing.T) {
	for _, status := range []int{201, 400} {
		c := newClient(t, config(roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: endless{}, Request: r}, nil
		})))
		_, err := c.ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
		if status == 201 && (!errors.Is(err, ErrTooLarge) || !MayHaveApplied(err)) {
			t.Errorf("201: %v", err)
		}
		if status == 400 && Classify(err) != Reject {
			t.Errorf("400: %v", err)
		}
	}
	for _, body := range []string{"", "null", "[]", "7", `"x"`, "<html>", `{"activity_id":7}`, `{}`} {
		_, err := answering(t, 201, body).ImportContacts(t.Context(), []ImportRow{{Email: canary}}, []string{listID})
		if !MayHaveApplied(err) {
			t.Errorf("body %q: may have applied is false for %v", body, err)
		}
	}
}

// A connection that breaks before the answer makes Go's transport repeat a GET by
// itself. That is a request like any other: it waits, and is counted.
func TestRequestsOfTheTransportAreWaitedFor(t *testing.T) {
	var requests atomic.Int32
	var waits int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1)%2 == 0 { // on a connection that was used before
			panic(http.ErrAbortHandler)
		}
		reply(w, http.StatusOK, `{"lists":[]}`)
	}))
	defer server.Close()
	cfg := config(nil)
	cfg.HTTP, cfg.BaseURL = nil, server.URL+"/v3"
	cfg.Wait = func(context.Context) error { waits++; return nil }
	c := newClient(t, cfg)
	defer c.Close()
	for range 3 {
		if err := c.Lists(t.Context(), func([]List) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if made := requests.Load(); made < 5 || waits != made {
		t.Errorf("%d requests, waited for %d times", made, waits)
	}
}

// A token that has to be fetched first takes time. Requests are spaced all the
// same: the turn is taken when the request can go.
func TestFetchingATokenSpoilsNoSpacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts []time.Time
		cfg := config(inMemory(func(w http.ResponseWriter, _ *http.Request) {
			starts = append(starts, time.Now())
			reply(w, http.StatusOK, `{"total":7}`)
		}))
		cfg.Wait = NewLimiter(time.Now, Spacing).Wait
		cfg.Token = func(context.Context) (string, error) {
			if len(starts) == 2 {
				<-time.After(time.Second)
			}
			return "token", nil
		}
		c := newClient(t, cfg)
		for range 7 {
			if _, err := c.Counts(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range starts[perSecond:] {
			if took := starts[i+perSecond].Sub(starts[i]); took < time.Second {
				t.Errorf("%d requests within %s", perSecond+1, took)
			}
		}
	})
}

// perSecond is the vendor's limit.
const perSecond = 4

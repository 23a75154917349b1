package constantcontact

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// DefaultBaseURL is the vendor's production API.
const DefaultBaseURL = "https://api.cc.email/v3"

const (
	// attemptTimeout bounds one attempt from the connection to the last byte.
	attemptTimeout = 60 * time.Second
	// retryFor is how long one call is repeated.
	retryFor = 30 * time.Second
	// maxReplyBytes is far above a page of 500 contacts with 50 lists each.
	maxReplyBytes = 16 << 20
	maxErrorBytes = 64 << 10
)

// TokenFunc returns the access token for one attempt. It is called a second
// time when the token was refused (401), so it must not answer from a cache
// that a refusal should empty.
type TokenFunc func(ctx context.Context) (string, error)

// Call describes one attempt, for metrics. It holds no member data.
type Call struct {
	Operation    string // as in Endpoint
	Endpoint     string // method and path as a template, without ids
	Status       int    // HTTP status; 0 when no answer came
	Duration     time.Duration
	RequestBytes int // of the body
}

// Config is what a client needs.
type Config struct {
	BaseURL   string                          // default DefaultBaseURL; http only on this host
	HTTP      *http.Client                    // default: own transport, TLS 1.2 or later
	Token     TokenFunc                       // required
	Wait      func(ctx context.Context) error // required: the limiter, see NewLimiter
	UserAgent string                          // required: default ones are blocked in front of the API
	Observe   func(Call)                      // optional; called once an attempt
	Now       func() time.Time                // required
}

// Client calls the API for one account. It is safe for concurrent use.
type Client struct {
	base, origin string
	http         *http.Client
	token        TokenFunc
	wait         func(ctx context.Context) error
	userAgent    string
	observe      func(Call)
	now          func() time.Time
}

// New returns a client. It makes no request.
func New(cfg Config) (*Client, error) {
	if cfg.BaseURL == "" {
		cfg.BaseURL = DefaultBaseURL
	}
	base, err := parseBase(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("make constant contact client: %w", err)
	}
	for name, missing := range map[string]bool{
		"Token": cfg.Token == nil, "Wait": cfg.Wait == nil, "Now": cfg.Now == nil, "UserAgent": cfg.UserAgent == "",
	} {
		if missing {
			return nil, fmt.Errorf("make constant contact client: %s is required", name)
		}
	}
	hc := &http.Client{Transport: newTransport()}
	if cfg.HTTP != nil {
		own := *cfg.HTTP
		hc = &own
	}
	// A redirect would carry people's data to wherever it points.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if cfg.Observe == nil {
		cfg.Observe = func(Call) {}
	}
	return &Client{
		base:   strings.TrimRight(base.String(), "/"),
		origin: base.Scheme + "://" + base.Host,
		http:   hc, token: cfg.Token, wait: cfg.Wait, userAgent: cfg.UserAgent, observe: cfg.Observe, now: cfg.Now,
	}, nil
}

// Close closes idle connections. The client stays usable.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		MaxIdleConnsPerHost: 2,
		ForceAttemptHTTP2:   true,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// parseBase does not repeat the text in its errors: a token may have been
// pasted into it.
func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil || base.Host == "":
		return nil, errors.New("base URL is not an absolute URL")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("base URL has more than scheme, host and path")
	case base.Scheme == "https", base.Scheme == "http" && isLoopback(base.Hostname()):
		return base, nil
	}
	return nil, errors.New("base URL is not https: plain http is for a simulator on this host only")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// request is one API request, before it has a token.
type request struct {
	op     Endpoint
	target string
	body   []byte
	// decode reads a successful answer. It may run more than once.
	decode func(body []byte) error

	// What follows is for answers too large to be held.
	stream  func(body io.Reader) error // instead of decode
	begun   func() bool                // stream had effects: it is not to be repeated
	timeout time.Duration              // instead of attemptTimeout
	most    int64                      // instead of maxReplyBytes
	accept  string                     // instead of JSON
}

// fetch sends a request and converts the JSON of its answer.
func fetch[Body, Out any](ctx context.Context, c *Client, r request, convert func(Body) (Out, error)) (Out, error) {
	var out, none Out
	r.decode = func(raw []byte) (err error) {
		var body Body
		if err := json.Unmarshal(raw, &body); err != nil {
			return err
		}
		out, err = convert(body)
		return err
	}
	if err := c.call(ctx, r); err != nil {
		return none, err
	}
	return out, nil
}

// call sends a request and repeats it where that is safe.
func (c *Client) call(ctx context.Context, r request) error {
	pace := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(500*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(8*time.Second),
		backoff.WithMaxElapsedTime(retryFor),
	)
	var last error
	_ = backoff.Retry(func() error { // its error is the last, or the context's
		last = c.authorized(ctx, r)
		if last != nil && (!repeatable(last) || r.begun != nil && r.begun()) {
			return backoff.Permanent(last)
		}
		return last
	}, backoff.WithContext(pace, ctx))
	if repeatable(last) && ctx.Err() != nil {
		return &NotSentError{Operation: r.op.Operation, Step: "wait to repeat", Err: fmt.Errorf("%w after %w", ctx.Err(), last)}
	}
	return last
}

// authorized tries once more with a new token when the first was refused.
func (c *Client) authorized(ctx context.Context, r request) error {
	err := c.attempt(ctx, r)
	if refused, ok := errors.AsType[*APIError](err); ok && refused.Status == http.StatusUnauthorized {
		return c.attempt(ctx, r)
	}
	return err
}

func (c *Client) attempt(ctx context.Context, r request) error {
	token, err := c.token(ctx)
	if err == nil && !isToken(token) {
		err = errors.New("token is empty or has characters that no token has")
	}
	if err != nil {
		return &NotSentError{Operation: r.op.Operation, Step: stepToken, Err: err}
	}
	// Last, because a token may have to be refreshed first: a request that came
	// so much after its turn would be one of five in a second with those behind.
	if err := c.wait(ctx); err != nil {
		return &NotSentError{Operation: r.op.Operation, Step: stepWait, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.timeout, attemptTimeout))
	defer cancel()
	var dialing, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { dialing.Store(true) },
		GotConn: func(httptrace.GotConnInfo) {
			// The transport itself repeats a GET when a connection that was used
			// before breaks: one more request, to be waited for like any other.
			if connected.Swap(true) && c.wait(ctx) != nil {
				cancel()
			}
		},
	})
	req, err := http.NewRequestWithContext(ctx, r.op.Method, r.target, bytes.NewReader(r.body))
	if err != nil {
		return &NotSentError{Operation: r.op.Operation, Step: "make request", Err: errors.New("target is not a URL")}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", cmp.Or(r.accept, "application/json"))
	req.Header.Set("User-Agent", c.userAgent)
	if len(r.body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	status, start := 0, c.now()
	defer func() {
		c.observe(Call{
			Operation: r.op.Operation, Endpoint: r.op.Method + " " + r.op.Path, Status: status, Duration: c.now().Sub(start), RequestBytes: len(r.body),
		})
	}()
	lost := func(err error) error {
		// Only a connection that was asked for and never came proves that
		// nothing was written.
		written := connected.Load() || !dialing.Load()
		return &TransportError{Endpoint: r.op, Written: written, Err: withoutURL(err)}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(err)
	}
	defer resp.Body.Close()
	status = resp.StatusCode
	if status < 200 || status > 299 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes)) // what came is better than nothing
		return newAPIError(r.op, status, body)
	}
	if r.stream != nil {
		return readStream(r, status, resp.Body, lost)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReplyBytes+1))
	if err != nil {
		return lost(err)
	}
	if len(body) > maxReplyBytes {
		return &BodyError{Endpoint: r.op, Status: status, Err: ErrTooLarge}
	}
	if err := r.decode(body); err != nil {
		return &BodyError{Endpoint: r.op, Status: status, Err: readable(err)}
	}
	return nil
}

// readStream hands the body to the request's stream and tells apart whose an
// error is: the connection's, the body's or the caller's.
func readStream(r request, status int, body io.Reader, lost func(error) error) error {
	source := &firstError{from: io.LimitReader(body, r.most)}
	err := r.stream(source)
	if caller, ok := errors.AsType[takeError](err); ok {
		return caller.error
	}
	switch {
	case source.err != nil:
		return lost(source.err)
	case err != nil:
		return &BodyError{Endpoint: r.op, Status: status, Err: err}
	}
	return nil
}

// firstError remembers why reading failed.
type firstError struct {
	from io.Reader
	err  error
}

// Read reads on.
func (f *firstError) Read(p []byte) (int, error) {
	n, err := f.from.Read(p)
	if err != nil && err != io.EOF && f.err == nil {
		f.err = err
	}
	return n, err
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// withoutURL takes off the layer whose text has the URL, and with it the query.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

package oauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// DefaultBaseURL is the vendor's authorisation server. It has moved before, so it
// is a setting.
const DefaultBaseURL = "https://authz.constantcontact.com/oauth2/default/v1"

// Spacing is the time between two requests of the token endpoint that stays below
// its limit of one a second for an application.
const Spacing = 1100 * time.Millisecond

// Scopes are what a membership sync asks for: contacts, lists and activities; the
// account's summary; and a refresh token.
var Scopes = []string{"contact_data", "account_read", offline}

const offline = "offline_access"

const (
	// attemptTimeout bounds one request, and saveTimeout the saving behind it.
	attemptTimeout = 30 * time.Second
	saveTimeout    = 30 * time.Second
)

// Config is an application as its owner registered it, and what the client needs.
type Config struct {
	BaseURL      string // default DefaultBaseURL; http only on this host
	ClientID     string // the API key
	ClientSecret string // empty: the application uses PKCE alone
	// RedirectURL must be exactly one that is registered: scheme, host, path and
	// slash.
	RedirectURL string
	// NoPKCE leaves PKCE out of an application that has a secret. Whether the
	// vendor takes both together is not verified; the standard wants it.
	NoPKCE    bool
	UserAgent string                          // required: default ones are blocked in front of the server
	HTTP      *http.Client                    // its transport is used; default: an own one, TLS 1.2 or later
	Wait      func(ctx context.Context) error // required: a limiter with Spacing for each application
	Now       func() time.Time                // required
}

// Client speaks for one application. It is safe for concurrent use.
type Client struct {
	conf oauth2.Config
	pkce bool
	http *http.Client
	wait func(ctx context.Context) error
	now  func() time.Time
}

// New returns a client. It makes no request.
func New(cfg Config) (*Client, error) {
	base, err := parseURL(cmp.Or(cfg.BaseURL, DefaultBaseURL))
	if err != nil {
		return nil, fmt.Errorf("make oauth client: base URL %w", err)
	}
	// The redirect goes to the person's browser, so any host may be in it.
	if redirect, err := url.Parse(cfg.RedirectURL); err != nil || redirect.Host == "" || redirect.Fragment != "" {
		return nil, errors.New("make oauth client: RedirectURL is not an absolute URL")
	}
	for name, missing := range map[string]bool{
		"ClientID": cfg.ClientID == "", "UserAgent": cfg.UserAgent == "", "Wait": cfg.Wait == nil, "Now": cfg.Now == nil,
		"PKCE or ClientSecret": cfg.NoPKCE && cfg.ClientSecret == "",
	} {
		if missing {
			return nil, fmt.Errorf("make oauth client: %s is required", name)
		}
	}
	style := oauth2.AuthStyleInHeader
	if cfg.ClientSecret == "" {
		style = oauth2.AuthStyleInParams
	}
	inner := http.RoundTripper(newTransport())
	if cfg.HTTP != nil {
		inner = cmp.Or(cfg.HTTP.Transport, http.DefaultTransport)
	}
	t := &transport{inner: inner, userAgent: cfg.UserAgent}
	base = strings.TrimRight(base, "/")
	return &Client{
		conf: oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, RedirectURL: cfg.RedirectURL, Scopes: Scopes,
			Endpoint: oauth2.Endpoint{AuthURL: base + "/authorize", TokenURL: base + "/token", AuthStyle: style},
		},
		pkce: !cfg.NoPKCE, wait: cfg.Wait, now: cfg.Now,
		http: &http.Client{
			Transport: t, Timeout: attemptTimeout,
			// A redirect would carry the secret to wherever it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes idle connections. The client stays usable.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// parseURL does not repeat the text in its errors: a secret may have been pasted
// into it.
func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return "", errors.New("is not an absolute URL")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("has more than scheme, host and path")
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return u.String(), nil
	}
	return "", errors.New("is not https: plain http is for a simulator on this host only")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     30 * time.Second,
		ForceAttemptHTTP2:   true,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// transport gives every request our name.
type transport struct {
	inner     http.RoundTripper
	userAgent string
}

// RoundTrip sends a request.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", t.userAgent)
	r.Header.Set("Accept", "application/json")
	return t.inner.RoundTrip(r)
}

// CloseIdleConnections lets the client's Close reach the connections.
func (t *transport) CloseIdleConnections() {
	if inner, ok := t.inner.(interface{ CloseIdleConnections() }); ok {
		inner.CloseIdleConnections()
	}
}

package ccsim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokenFormBytes is far above any form that is meant.
const tokenFormBytes = 64 << 10

// serveToken is the token endpoint.
func (s *Sim) serveToken(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, tokenFormBytes))
	if err != nil {
		return // the client is gone
	}
	fault, a := s.doToken(r, body)
	w.Header().Set("Cache-Control", "no-store")
	fault.send(w, r, a)
}

// tokenCall is one request of the token endpoint, with the client that it says
// it is.
type tokenCall struct {
	form      url.Values
	key       string
	secret    string
	basic     bool // the secret came as Basic authorisation
	delivered bool // the answer will reach the client
}

func readTokenCall(r *http.Request, body []byte) (c tokenCall, readable bool) {
	form, err := url.ParseQuery(string(body))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return c, false
	}
	c.form, c.key = form, form.Get("client_id")
	id, secret, basic := r.BasicAuth()
	if !basic {
		return c, true
	}
	// RFC 6749 has both parts encoded as in a form.
	if c.key, err = url.QueryUnescape(id); err != nil {
		return c, false
	}
	c.secret, err = url.QueryUnescape(secret)
	c.basic = true
	return c, err == nil
}

func (s *Sim) doToken(r *http.Request, body []byte) (Fault, answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, readable := readTokenCall(r, body)
	seen := Request{Method: r.Method, Path: r.URL.Path, Endpoint: r.Pattern, At: s.time(), Bytes: len(body)}
	if s.keys[c.key] != nil {
		seen.Key = c.key
	}
	var fault Fault
	var a answer
	switch {
	case s.blocks(r):
		a = blocked()
	case s.tokenTooFast(c.key):
		s.note(RuleTokenRate, "key "+seen.Key)
		a = s.tokenThrottled()
	case !readable:
		a = s.oauthError(http.StatusBadRequest, "invalid_request", "The request is not a form.")
	default:
		fault = s.takeFault(r)
		seen.Fault = fault.Kind
		instead, spoiled := fault.instead()
		a = instead
		c.delivered = !fault.cuts() && fault.Kind != FaultTruncated
		switch fault.Kind {
		case FaultRevoked:
			s.revokeByToken(c.form)
			spoiled = false
		case FaultThrottled:
			a = s.tokenThrottled()
		}
		if !spoiled {
			a = s.answerToken(c)
		}
	}
	if !fault.cuts() {
		seen.Status = a.status
	}
	s.record(seen)
	a.raw, a.kind = a.encode()
	a.body = nil
	return fault, a
}

func (s *Sim) tokenThrottled() answer {
	return s.oauthError(http.StatusTooManyRequests, "too_many_requests", "API call exceeded rate limit due to too many requests.")
}

// tokenTooFast holds a request against the token endpoint's own limit, which
// counts on the application as far as anybody knows.
func (s *Sim) tokenTooFast(key string) bool {
	now, last := s.time(), s.tokenAt[key]
	s.tokenAt[key] = now
	return !last.IsZero() && now.Sub(last) < tokenPace
}

func (s *Sim) answerToken(c tokenCall) answer {
	k := s.keys[c.key]
	if k == nil || c.basic && !same(c.secret, k.app.Secret) {
		return s.oauthError(http.StatusUnauthorized, "invalid_client", "The client secret supplied for a confidential client is invalid.")
	}
	if k.app.Deactivated {
		return s.oauthError(http.StatusBadRequest, "unauthorized_client", "The client is not authorized.")
	}
	switch c.form.Get("grant_type") {
	case "authorization_code":
		return s.exchange(c)
	case "refresh_token":
		return s.refresh(c)
	}
	return s.oauthError(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported by the authorization server.")
}

// exchange makes tokens of a code. A client proves itself by the secret, or by
// the verifier of PKCE when it has none.
func (s *Sim) exchange(c tokenCall) answer {
	code, verifier := s.codes[c.form.Get("code")], c.form.Get("code_verifier")
	switch {
	case code == nil, code.used, code.grant.key != c.key, code.grant.revoked, !s.time().Before(code.expires), code.redirect != c.form.Get("redirect_uri"):
		return s.invalidGrant("The authorization code is invalid or has expired.")
	case code.challenge == "" && !c.basic:
		return s.oauthError(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
	case c.basic && verifier != "" && s.switches.SecretExcludesPKCE:
		return s.oauthError(http.StatusBadRequest, "invalid_request", "The request has more than one form of client authentication.")
	case code.challenge != "" && !same(challengeOf(verifier), code.challenge):
		return s.invalidGrant("PKCE verification failed.")
	}
	code.used = true
	code.grant.public = !c.basic
	return s.issue(code.grant, nil, "", c.delivered)
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// refresh makes tokens of a refresh token. One that was replaced is dead, and its
// use may end the grant.
func (s *Sim) refresh(c tokenCall) answer {
	const dead = "The refresh token is invalid or expired."
	presented := c.form.Get("refresh_token")
	t, now := s.refreshes[presented], s.time()
	if t == nil || t.grant.key != c.key || t.grant.revoked || now.Sub(t.usedAt) >= idleLife {
		return s.invalidGrant(dead)
	}
	if !t.grant.public && !c.basic {
		return s.oauthError(http.StatusUnauthorized, "invalid_client", "Client authentication failed.")
	}
	grace := time.Duration(s.switches.RefreshGraceSeconds) * time.Second
	if !t.replacedAt.IsZero() && now.Sub(t.replacedAt) >= grace {
		if t.delivered {
			s.violations = append(s.violations, Violation{At: now, Rule: RuleStaleRefresh, Detail: "key " + c.key, Known: now.Sub(t.replacedAt)})
		}
		t.grant.revoked = !s.switches.ReuseKeepsGrant
		return s.invalidGrant(dead)
	}
	return s.issue(t.grant, t, presented, c.delivered)
}

// revokeByToken revokes the grant that a request is about.
func (s *Sim) revokeByToken(form url.Values) {
	if t := s.refreshes[form.Get("refresh_token")]; t != nil {
		t.grant.revoked = true
	}
	if code := s.codes[form.Get("code")]; code != nil {
		code.grant.revoked = true
	}
}

func (s *Sim) invalidGrant(text string) answer {
	return s.oauthError(http.StatusBadRequest, "invalid_grant", text)
}

// oauthError is an error of the authorisation server, in the form of the standard
// or of its maker.
func (s *Sim) oauthError(status int, code, text string) answer {
	if s.switches.OktaErrors {
		return answer{status: status, body: map[string]any{
			"errorCode": code, "errorSummary": text, "errorLink": code, "errorId": "sim", "errorCauses": []string{},
		}}
	}
	return answer{status: status, body: map[string]string{"error": code, "error_description": text}}
}

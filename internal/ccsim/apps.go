package ccsim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	codeLife    = 300 * time.Second    // of an authorisation code
	accessLife  = 86_400 * time.Second // of an access token
	idleLife    = 180 * 24 * time.Hour // of a refresh token that nobody uses
	tokenPace   = time.Second          // between two requests of the token endpoint, by application
	scopeData   = "contact_data"       // contacts, lists and activities
	scopeRead   = "account_read"       // the account's summary
	scopeAgain  = "offline_access"     // a refresh token besides
	tokenLength = 1100                 // characters; the vendor's have 1,000 to 1,200
)

// scopes are what an application may ask for.
var scopes = []string{scopeData, scopeRead, scopeAgain, "account_update", "campaign_data"}

// App is an application as its owner registers it in the vendor's portal. The
// limits count on its key.
type App struct {
	Key          string   `json:"api_key"`
	Secret       string   `json:"secret"` // empty: its clients use PKCE
	RedirectURIs []string `json:"redirect_uris"`
	LongLived    bool     `json:"long_lived"`  // refresh tokens stay the same; else each refresh makes a new one
	Deactivated  bool     `json:"deactivated"` // every request is answered 403
}

// SetApp registers an application, or changes one: what was known of its limits
// and grants stays.
func (s *Sim) SetApp(app App) error {
	if app.Key == "" {
		return fmt.Errorf("register application: it has no key")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app.RedirectURIs = slices.Clone(app.RedirectURIs)
	s.key(app.Key).app = app
	return nil
}

// key is the state of an API key, made when it is not known.
func (s *Sim) key(name string) *keyState {
	if s.keys[name] == nil {
		s.keys[name] = &keyState{app: App{Key: name}}
	}
	return s.keys[name]
}

// grant is an account's permission for an application.
type grant struct {
	key     string
	account *accountState
	scopes  []string
	public  bool // given to a client that has no secret
	revoked bool
}

func (g *grant) may(scope string) bool { return scope == "" || slices.Contains(g.scopes, scope) }

// authCode is what the application exchanges for tokens, once.
type authCode struct {
	grant     *grant
	redirect  string
	challenge string // of PKCE, S256; empty without
	expires   time.Time
	used      bool
}

type accessToken struct {
	grant   *grant
	expires time.Time // zero: never
}

type refreshToken struct {
	grant      *grant
	usedAt     time.Time // or made at
	replacedAt time.Time // zero while it is the valid one
	delivered  bool      // the answer with its successor was sent
}

// pair names an application and an account. In rotating mode they have one valid
// refresh token, however often the account was connected.
type pair struct {
	key     string
	account *accountState
}

// Revoke is the office removing an application from the account; all of them
// when no key is named. Access tokens end with it.
func (s *Sim) Revoke(account, apiKey string) error {
	return s.with(account, func(a *accountState) error {
		for _, g := range s.grants {
			if g.account == a && (apiKey == "" || g.key == apiKey) {
				g.revoked = true
			}
		}
		return nil
	})
}

// ExpireTokens ends the access tokens of an account before their time. Refresh
// tokens stay.
func (s *Sim) ExpireTokens(account string) error {
	return s.with(account, func(a *accountState) error {
		for text, t := range s.tokens {
			if t.grant.account == a {
				delete(s.tokens, text)
			}
		}
		return nil
	})
}

// newGrant remembers a grant, so that the account can revoke it.
func (s *Sim) newGrant(key string, a *accountState, scopes []string, public bool) *grant {
	g := &grant{key: key, account: a, scopes: scopes, public: public}
	s.grants = append(s.grants, g)
	return g
}

// issue makes the answer of the token endpoint. A rotating application gets a
// new refresh token, with which all earlier ones of the account end.
func (s *Sim) issue(g *grant, old *refreshToken, presented string, delivered bool) answer {
	now := s.time()
	access := s.jwt(g, now)
	s.tokens[access] = &accessToken{g, now.Add(accessLife)}
	body := map[string]any{
		"token_type": "Bearer", "expires_in": int(accessLife / time.Second), "access_token": access, "scope": strings.Join(g.scopes, " "),
	}
	switch longLived := s.keys[g.key].app.LongLived; {
	case !slices.Contains(g.scopes, scopeAgain):
	case old != nil && longLived:
		old.usedAt = now
		if s.switches.RefreshRepeatsToken {
			body["refresh_token"] = presented
		}
	default:
		who := pair{g.key, g.account}
		if last := s.latest[who]; last != nil && !longLived {
			last.replacedAt, last.delivered = now, delivered
		}
		text := s.opaque("refresh")
		fresh := &refreshToken{grant: g, usedAt: now}
		s.refreshes[text], s.latest[who] = fresh, fresh
		body["refresh_token"] = text
	}
	return ok(body)
}

// opaque makes a text that nobody guesses by accident. It is the same in every
// run: nothing here is a secret.
func (s *Sim) opaque(purpose string) string {
	sum := sha256.Sum256([]byte(purpose + s.identity().id))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// jwt makes an access token that looks like the vendor's: three parts, more than
// 1,000 characters.
func (s *Sim) jwt(g *grant, now time.Time) string {
	part := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(map[string]any{
		"ver": 1, "jti": s.opaque("jti"), "iss": "simulator", "aud": "https://api.cc.email/v3", "cid": g.key, "scp": g.scopes,
		"iat": now.Add(s.skew).Unix(), "exp": now.Add(s.skew + accessLife).Unix(), "platform_user_id": g.account.encodedID(),
	})
	if err != nil {
		panic(err) // texts and numbers only
	}
	token := part([]byte(`{"kid":"simulator","alg":"RS256"}`)) + "." + part(claims) + "."
	for len(token) < tokenLength {
		token += s.opaque("signature")
	}
	return token[:tokenLength]
}

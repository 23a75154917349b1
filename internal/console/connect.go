package console

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// connectOffice connects accounts.
type connectOffice interface {
	Account(ctx context.Context, association string) (Account, error)
	// BeginConnect prepares the connecting of an account. What cannot be connected
	// is a *Problem.
	BeginConnect(ctx context.Context, association string) (ConnectAttempt, error)
	Disconnect(ctx context.Context, association, by string) error
}

// Account is how an association is connected.
type Account struct {
	State       string // connected, needs_reconnecting, other_account or disconnected
	Detail      string
	Name, ID    string
	APIKey      string
	RedirectURL string
	Static      bool // the access token is in the configuration
	Since       *time.Time
	ConnectedBy string
	AgreedAt    *time.Time
	AgreedBy    string

	// For the guide.
	DatabaseRead bool // every row was read once
	OptionsOn    bool // something is to be synced
	Counted      bool // who would be added can be looked at
	Synced       bool // something was sent
}

// Connected reports whether the account can be used.
func (a Account) Connected() bool { return a.State == "connected" }

// ConnectAttempt is an account that is being connected.
type ConnectAttempt interface {
	// Address is what the person opens, and State tells its answer from others.
	Address() string
	State() string
	// Code reads the answer that the browser brings.
	Code(url.Values) (string, error)
	// Finish makes tokens of the code, checks the account and records it. It may
	// take half a minute. adopt is the id of an account that may take the place of
	// the one before; empty: none.
	Finish(ctx context.Context, code, by, agreedBy, adopt string) (account string, err error)
	Close()
}

// attempts are the accounts that are being connected, by state.
type attempts struct {
	mu  sync.Mutex
	all map[string]attempt
}

type attempt struct {
	ConnectAttempt
	association string
	user        string
	agreedBy    string
	adopt       string
	until       time.Time
}

const (
	// attemptLife is how long the browser is waited for.
	attemptLife = 15 * time.Minute
	maxAttempts = 50
)

func (a *attempts) keep(one attempt, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for state, other := range a.all {
		if !other.until.After(now) || len(a.all) >= maxAttempts || other.association == one.association && other.user == one.user {
			other.Close()
			delete(a.all, state)
		}
	}
	one.until = now.Add(attemptLife)
	a.all[one.State()] = one
}

// take returns an attempt once.
func (a *attempts) take(state string, now time.Time) (attempt, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	one, ok := a.all[state]
	if ok && !one.until.After(now) {
		one.Close()
		ok = false
	}
	delete(a.all, state)
	return one, ok
}

func (a *attempts) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for state, one := range a.all {
		one.Close()
		delete(a.all, state)
	}
}

type connectPage struct {
	Account
	Since, AgreedAt moment
	Steps           []step
	AllDone         bool
	Begin, End      string
}

// step is one of the guide.
type step struct {
	Title, Path string
	Done        bool
}

func (c *Console) connect(q *request) error {
	a, err := c.Office.Account(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	p := connectPage{Account: a, Since: q.momentOf(a.Since), AgreedAt: q.momentOf(a.AgreedAt), Begin: q.to("connect"), End: q.to("disconnect")}
	p.Steps = []step{
		{"The member database is read", q.to("health"), a.DatabaseRead},
		{"The account is connected", q.to("connect"), a.Connected()},
		{"Options say what is to be synced", q.to("options"), a.OptionsOn},
		{"You have seen who would be added", q.to("groups"), a.Counted},
		{"The first sync is done", q.to("activity"), a.Synced},
	}
	p.AllDone = true
	for _, s := range p.Steps {
		p.AllDone = p.AllDone && s.Done
	}
	return c.render(q, "connect", "Connect", p)
}

type beginPage struct {
	Address, RedirectURL, Paste, Back string
}

// beginConnect prepares an attempt. Whoever connects confirms that members
// agreed to be mailed; the name and the time are kept.
func (c *Console) beginConnect(q *request) error {
	if q.PostFormValue("agreed") != "yes" {
		return &Problem{
			Status: http.StatusBadRequest, What: "Have the members agreed to be mailed?",
			Detail: "Constant Contact's terms ask for it, and nobody but whoever connects the account can know.", Try: "Go back and tick the box, if they have.",
		}
	}
	a, err := c.Office.Account(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	one, err := c.Office.BeginConnect(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	c.attempts.keep(attempt{ConnectAttempt: one, association: q.association.ID, user: q.user.Name, agreedBy: q.user.Name, adopt: strings.TrimSpace(q.PostFormValue("adopt"))}, q.now)
	c.forwarder.listen(a.RedirectURL, "http://"+q.Host+callbackPath, q.Host)
	return c.render(q, "begin", "Connect", beginPage{Address: one.Address(), RedirectURL: a.RedirectURL, Paste: q.to("connect", "paste"), Back: q.to("connect")})
}

// callbackPath is where the browser comes back to.
const callbackPath = "/oauth/callback"

// callback takes the browser's answer. Which association it is about, the state
// says; the user has to be who began.
func (c *Console) callback(q *request) error { return c.finish(q, q.URL.Query(), "") }

// paste takes the address that the browser was sent to, where it could not reach
// the console.
func (c *Console) paste(q *request) error {
	text := strings.TrimSpace(q.PostFormValue("address"))
	_, query, ok := strings.Cut(text, "?")
	if !ok {
		query = text
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		values = nil
	}
	return c.finish(q, values, q.association.ID)
}

var errOtherAttempt = &Problem{
	Status: http.StatusBadRequest, What: "This is not the answer that is waited for.", Detail: "It is too old, was used already, or belongs to somebody else. Nothing was connected.",
	Try: "Begin again on the page Connect.",
}

func (c *Console) finish(q *request, answer url.Values, association string) error {
	one, ok := c.attempts.take(answer.Get("state"), q.now)
	if ok {
		defer one.Close()
	}
	if !ok || one.user != q.user.Name || !q.user.Sees(one.association) || association != "" && association != one.association {
		return errOtherAttempt
	}
	code, err := one.Code(answer)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, What: "The account was not connected.", Detail: err.Error(), Try: "Begin again, and allow it in Constant Contact as an Owner or Manager."}
	}
	if _, err := one.Finish(q.Context(), code, q.user.Name, one.agreedBy, one.adopt); err != nil {
		return err
	}
	return q.redirect(link(one.association, "connect"), "connected")
}

func (c *Console) disconnect(q *request) error {
	if err := c.Office.Disconnect(q.Context(), q.association.ID, q.user.Name); err != nil {
		return err
	}
	return q.redirect(q.to("connect"), "disconnected")
}

// forwarder sends the browser on to the console where the redirect URL that is
// registered is another port of this host: it listens there while somebody is
// waited for.
type forwarder struct {
	mu     sync.Mutex
	server *http.Server
	done   chan struct{}
}

// listen takes the place of the redirect URL, if it is on this host, not the
// console itself, and free. Where it is not, the person pastes the address.
func (f *forwarder) listen(redirect, to, console string) {
	at, err := url.Parse(redirect)
	if err != nil || at.Scheme != "http" || at.Host == console {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
	listener, err := net.Listen("tcp", at.Host)
	if err != nil {
		return
	}
	f.done = make(chan struct{})
	f.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, Handler: secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != at.Path {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, to+"?"+r.URL.RawQuery, http.StatusSeeOther)
	}))}
	go func(s *http.Server, done chan struct{}) {
		defer close(done)
		_ = s.Serve(listener) // until close
	}(f.server, f.done)
}

func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end()
}

func (f *forwarder) end() {
	if f.server != nil {
		_ = f.server.Close()
		<-f.done
		f.server = nil
	}
}

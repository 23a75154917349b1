// Package config reads Rollcall's configuration: one YAML file, decoded
// strictly, with defaults, and with every problem reported at once by field
// and line.
//
// No error quotes the file. Somebody may have pasted a password into it, in
// the wrong place or one line too low.
package config

import (
	"cmp"
	"log/slog"
	"net/netip"
	"time"
)

// Config is the whole configuration.
type Config struct {
	Source          Source          `yaml:"source"`
	State           State           `yaml:"state"`
	ConstantContact ConstantContact `yaml:"constant_contact"`
	Rules           Rules           `yaml:"rules"`
	Reconcile       Reconcile       `yaml:"reconcile"`
	Pace            Pace            `yaml:"pace"`
	Console         Console         `yaml:"console"`
	Log             Log             `yaml:"log"`
	Metrics         Metrics         `yaml:"metrics"`
}

// Source is the member database.
type Source struct {
	Name     string `yaml:"name"` // part of every key in the state, so it must stay
	URL      string `yaml:"url"`  // postgres://, a direct connection, without a password
	Password Secret `yaml:"password"`
	// Capture says how changes are noticed, default replication.
	Capture     Capture `yaml:"capture"`
	Slot        string  `yaml:"slot"`        // default rollcall
	Publication string  `yaml:"publication"` // default rollcall
	// OnNewTimeline says what happens when a stand-by was promoted, default refuse.
	OnNewTimeline OnNewTimeline `yaml:"on_new_timeline"`
}

// Capture says how changes of the member database are noticed.
type Capture string

// The choices of capture.
const (
	CaptureReplication Capture = "replication" // a logical replication slot
	CaptureTriggers    Capture = "triggers"    // triggers that append keys to a log
)

// OnNewTimeline says what happens when the server goes on on another timeline.
type OnNewTimeline string

// The choices of on_new_timeline.
const (
	OnNewTimelineRefuse   OnNewTimeline = "refuse"   // nothing is sent until somebody adopts it
	OnNewTimelineContinue OnNewTimeline = "continue" // it is adopted as a failover
)

// State is the database that holds the schema rollcall_state.
type State struct {
	URL      string `yaml:"url"` // default: that of the source, with its password
	Password Secret `yaml:"password"`
	// MasterKeys seal the tokens of accounts. The first seals, all open.
	MasterKeys []Secret `yaml:"master_keys"`
}

// ConstantContact is the vendor's API and who is connected to it.
type ConstantContact struct {
	APIURL      string       `yaml:"api_url"` // default https://api.cc.email/v3
	Keys        []Key        `yaml:"keys"`
	Connections []Connection `yaml:"connections"`
}

// Key is an application as its owner registered it at Constant Contact.
type Key struct {
	Name         string `yaml:"name"`          // as in api_key of a connection
	ClientID     string `yaml:"client_id"`     // the vendor's "API key"
	ClientSecret Secret `yaml:"client_secret"` // left out: the application uses PKCE alone
	AuthURL      string `yaml:"auth_url"`      // default DefaultAuthURL
	RedirectURL  string `yaml:"redirect_url"`  // exactly as registered, default DefaultRedirectURL
}

// Defaults of keys.
const (
	DefaultAuthURL     = "https://authz.constantcontact.com/oauth2/default/v1"
	DefaultRedirectURL = "http://localhost:8410/callback"
)

// Connection is one association's account.
type Connection struct {
	Association string `yaml:"association"` // association_id of the contract views, as text
	APIKey      string `yaml:"api_key"`     // a name for the key that the limits count on, default main
	// AccessToken is for the simulator. Left out: the account is connected with
	// the key of that name, and its tokens are in the state.
	AccessToken Secret `yaml:"access_token"`
}

// Key returns the key of a name, if it is described.
func (c *ConstantContact) Key(name string) (Key, bool) {
	for _, k := range c.Keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// Connection returns the connection of an association.
func (c *ConstantContact) Connection(association string) (Connection, bool) {
	for _, conn := range c.Connections {
		if conn.Association == association {
			return conn, true
		}
	}
	return Connection{}, false
}

// Rules are the operator's choices about who is on a list.
type Rules struct {
	AllActiveName       string    `yaml:"all_active_name"` // default "All Active and Courtesy Representatives"
	GroupRequiresActive bool      `yaml:"group_requires_active"`
	OnRemoved           OnRemoved `yaml:"on_removed"` // default keep
	// OnEmailChange says what happens when a rep's address changes, default
	// add_keep_old.
	OnEmailChange     OnEmailChange `yaml:"on_email_change"`
	SendPhone         bool          `yaml:"send_phone"`   // tell Constant Contact the phone number
	SendAddress       bool          `yaml:"send_address"` // tell it the postal address
	RemovalThresholds Thresholds    `yaml:"removal_thresholds"`
	// CustomFields are further columns of rollcall.reps that Constant Contact is
	// told as custom fields, at most 25.
	CustomFields []CustomField `yaml:"custom_fields"`
}

// CustomField is a column and the label of the custom field that it becomes.
type CustomField struct {
	Column string `yaml:"column"`
	Label  string `yaml:"label"` // as the office sees it, 1 to 50 characters
}

// OnRemoved says what happens to a person whose group membership row is gone.
type OnRemoved string

// The choices of on_removed.
const (
	OnRemovedKeep   OnRemoved = "keep"   // they stay on the group's list
	OnRemovedRemove OnRemoved = "remove" // they leave it
)

// OnEmailChange says what happens to the contact of the previous address.
type OnEmailChange string

// The choices of on_email_change.
const (
	OnEmailChangeAddKeepOld OnEmailChange = "add_keep_old" // the new address is added, the previous one stays
	OnEmailChangeMove       OnEmailChange = "move"         // the same contact gets the new address
)

// Thresholds are the numbers of removals from one list within an hour above
// which a person is asked first: more than Few and more than Percent of the
// list, or more than Many, or a list of Small or more that would become empty.
type Thresholds struct {
	Off     bool `yaml:"off"` // nothing is held for its number
	Few     int  `yaml:"few"`
	Percent int  `yaml:"percent"`
	Many    int  `yaml:"many"`
	Small   int  `yaml:"small"`
}

// Reconcile says how often what Constant Contact shows is read, and how long
// people are remembered.
type Reconcile struct {
	Every      time.Duration `yaml:"every"`       // a full reconciliation, default 24h
	SweepEvery time.Duration `yaml:"sweep_every"` // who unsubscribed, default 1h and at most that
	// Retention is how long rows of people are kept whom nobody in the database
	// has to do with any more, default 720h (30 days). Reports are kept three
	// times as long.
	Retention time.Duration `yaml:"retention"`
}

// Pace says how changes are gathered before they are sent.
type Pace struct {
	Linger time.Duration `yaml:"linger"` // default 2s, at most 30m
	// DailyCalls are the calls that an API key has on a day of UTC, default
	// 10000. The vendor gives more on request.
	DailyCalls int `yaml:"daily_calls"`
	// OptOutReserve is the part of them, in percent, that is kept for opt-outs,
	// default 10, at most 50.
	OptOutReserve int `yaml:"opt_out_reserve"`
}

// Console is where the web console is served, and who gets in.
type Console struct {
	// Listen is the host and port, default 127.0.0.1:8411; off: it is not served.
	Listen string `yaml:"listen"`
	// URL is how browsers reach it where that is another address, as behind a
	// proxy.
	URL           string        `yaml:"url"`
	TLS           TLS           `yaml:"tls"`
	TrustedHeader TrustedHeader `yaml:"trusted_header"`
	Idle          time.Duration `yaml:"idle"`     // a session ends after so long without a request, default 1h
	Lifetime      time.Duration `yaml:"lifetime"` // and so long after the login in any case, default 12h
}

// TLS names the files of a certificate, which may hold its chain, and its key.
// They are read again when they change.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// TrustedHeader lets in whom a reverse proxy names.
type TrustedHeader struct {
	Name    string   `yaml:"name"`    // of the header that has the user's name
	Proxies []string `yaml:"proxies"` // addresses, or networks like 10.0.0.0/28, that it counts from
}

// Networks are the addresses of the proxies.
func (h TrustedHeader) Networks() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range h.Proxies {
		if p, ok := network(text); ok { // Load refuses all others
			all = append(all, p)
		}
	}
	return all
}

// ConsoleOff is the value of Console.Listen that serves no console.
const ConsoleOff = "off"

// DefaultConsole is where the console is served.
const DefaultConsole = "127.0.0.1:8411"

// Log says what is logged and how.
type Log struct {
	Level  LogLevel `yaml:"level"`  // debug, info, warn or error; default info
	Format string   `yaml:"format"` // text or json; default text
}

// LogLevel is the name of a level. It is a slog.Leveler.
type LogLevel string

// Level returns the level of that name; info for any other.
func (l LogLevel) Level() slog.Level {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l)) // validated by Load; the zero level is info
	return level
}

// Metrics says where this process can be watched.
type Metrics struct {
	Listen string        `yaml:"listen"` // host:port for /metrics, /healthz and /readyz; default 127.0.0.1:9464; off
	Every  time.Duration `yaml:"every"`  // between two looks at the databases, default 15s
}

// DefaultListen is where metrics are served unless the configuration says
// otherwise.
const DefaultListen = "127.0.0.1:9464"

const metricsOff = "off"

// Off says that nothing is served.
func (m Metrics) Off() bool { return m.Listen == metricsOff }

// Chosen says that the address is not the default one.
func (m Metrics) Chosen() bool { return m.Listen != DefaultListen }

func defaults() *Config {
	return &Config{
		Source:          Source{Capture: CaptureReplication, Slot: "rollcall", Publication: "rollcall", OnNewTimeline: OnNewTimelineRefuse},
		ConstantContact: ConstantContact{APIURL: "https://api.cc.email/v3"},
		Rules: Rules{
			AllActiveName: "All Active and Courtesy Representatives", OnRemoved: OnRemovedKeep, OnEmailChange: OnEmailChangeAddKeepOld,
			RemovalThresholds: Thresholds{Few: 10, Percent: 20, Many: 500, Small: 5}, CustomFields: []CustomField{},
		},
		Reconcile: Reconcile{Every: 24 * time.Hour, SweepEvery: time.Hour, Retention: 30 * 24 * time.Hour},
		Pace:      Pace{Linger: 2 * time.Second, DailyCalls: 10_000, OptOutReserve: 10},
		Console:   Console{Listen: DefaultConsole, Idle: time.Hour, Lifetime: 12 * time.Hour},
		Log:       Log{Level: "info", Format: "text"},
		Metrics:   Metrics{Listen: DefaultListen, Every: 15 * time.Second},
	}
}

// inherit fills what defaults to another value of the same file.
func (c *Config) inherit() {
	if c.State.URL == "" {
		c.State.URL = c.Source.URL
		if !c.State.Password.IsSet() {
			c.State.Password = c.Source.Password
		}
	}
	for i := range c.ConstantContact.Connections {
		if key := &c.ConstantContact.Connections[i].APIKey; *key == "" {
			*key = mainKey
		}
	}
	for i := range c.ConstantContact.Keys {
		key := &c.ConstantContact.Keys[i]
		key.AuthURL = cmp.Or(key.AuthURL, DefaultAuthURL)
		key.RedirectURL = cmp.Or(key.RedirectURL, DefaultRedirectURL)
	}
}

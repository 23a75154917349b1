package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	sourceName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
	slotName   = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	clientID   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	columnName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
	keyName    = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,63}$`)
)

const (
	maxLinger     = 30 * time.Minute
	minDailyCalls = 100
	mainKey       = "main"
	keyNameForm   = "must be a name of your choice for the API key, with 1 to 63 letters, digits, dots, dashes or underscores"
	// Limits of Constant Contact, in characters and of a contact.
	maxListName     = 255
	maxFieldLabel   = 50
	maxCustomFields = 25
	// Opt-outs of everybody are read at least hourly (docs/semantics.md, section 5).
	maxSweep     = time.Hour
	minSweep     = time.Minute // each sweep is a call of the day's 10,000
	minEvery     = time.Hour
	minRetention = 24 * time.Hour
	minPoll      = time.Second
	maxPoll      = 5 * time.Minute
)

// problems collects what validate finds.
type problems []Problem

func (p *problems) unless(ok bool, path, text string) {
	if !ok {
		*p = append(*p, Problem{Field: path, Message: text})
	}
}

func (p *problems) oneOf(path, value string, allowed ...string) {
	p.unless(slices.Contains(allowed, value), path, "must be one of "+strings.Join(allowed, ", "))
}

func (p *problems) secret(path string, s Secret, required bool) {
	if s.written || required {
		problem := s.problem()
		p.unless(problem == "", path, problem)
	}
}

// validate checks the values that the file gave, before they are inherited.
func (c *Config) validate() []Problem {
	var p problems
	p.unless(sourceName.MatchString(c.Source.Name), "source.name",
		"must name the member database: a small letter, then up to 39 small letters, digits, dashes or underscores")
	p.database("source.url", c.Source.URL)
	p.secret("source.password", c.Source.Password, false)
	p.oneOf("source.capture", string(c.Source.Capture), string(CaptureReplication), string(CaptureTriggers))
	p.unless(slotName.MatchString(c.Source.Slot), "source.slot", "must have 1 to 63 small letters, digits or underscores")
	p.unless(c.Source.Publication != "" && len(c.Source.Publication) < 64, "source.publication", "must have 1 to 63 bytes")
	p.oneOf("source.on_new_timeline", string(c.Source.OnNewTimeline), string(OnNewTimelineRefuse), string(OnNewTimelineContinue))
	if c.State.URL != "" {
		p.database("state.url", c.State.URL)
	}
	p.secret("state.password", c.State.Password, false)
	for i, key := range c.State.MasterKeys {
		p.secret(fmt.Sprintf("state.master_keys[%d]", i), key, true)
	}
	p.api("constant_contact.api_url", c.ConstantContact.APIURL)
	p.keys(c)
	p.connections(c)
	name := c.Rules.AllActiveName
	p.unless(strings.TrimSpace(name) != "" && utf8.RuneCountInString(name) <= maxListName, "rules.all_active_name", "must have 1 to 255 characters")
	p.oneOf("rules.on_removed", string(c.Rules.OnRemoved), string(OnRemovedKeep), string(OnRemovedRemove))
	p.oneOf("rules.on_email_change", string(c.Rules.OnEmailChange), string(OnEmailChangeAddKeepOld), string(OnEmailChangeMove))
	p.thresholds("rules.removal_thresholds.", c.Rules.RemovalThresholds)
	p.customFields(c.Rules.CustomFields)
	p.unless(c.Reconcile.Every >= minEvery, "reconcile.every", "must be at least 1h")
	p.unless(c.Reconcile.SweepEvery >= minSweep && c.Reconcile.SweepEvery <= maxSweep, "reconcile.sweep_every", "must be between 1m and 1h")
	p.unless(c.Reconcile.Retention >= minRetention, "reconcile.retention", "must be at least 24h")
	p.unless(c.Pace.Linger > 0 && c.Pace.Linger <= maxLinger, "pace.linger", "must be more than 0s and at most 30m")
	p.unless(c.Pace.DailyCalls >= minDailyCalls, "pace.daily_calls", "must be at least 100")
	p.unless(c.Pace.OptOutReserve >= 1 && c.Pace.OptOutReserve <= 50, "pace.opt_out_reserve", "must be between 1 and 50, in percent")
	p.console(c.Console)
	p.oneOf("log.level", string(c.Log.Level), "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "text", "json")
	p.listen("metrics.listen", c.Metrics)
	p.unless(c.Metrics.Every >= minPoll && c.Metrics.Every <= maxPoll, "metrics.every", "must be between 1s and 5m")
	return p
}

// keys checks the applications.
func (p *problems) keys(c *Config) {
	names, ids := map[string]bool{}, map[string]bool{}
	for i, key := range c.ConstantContact.Keys {
		path := fmt.Sprintf("constant_contact.keys[%d].", i)
		p.unless(keyName.MatchString(key.Name), path+"name", keyNameForm)
		p.unless(!names[key.Name], path+"name", "is another key's name")
		p.unless(clientID.MatchString(key.ClientID), path+"client_id", "must be the API key that Constant Contact shows for the application")
		p.unless(!ids[key.ClientID], path+"client_id", "is another key's: the limits count on it, so describe it once and use its name twice")
		names[key.Name], ids[key.ClientID] = true, true
		p.secret(path+"client_secret", key.ClientSecret, false)
		if key.AuthURL != "" {
			p.api(path+"auth_url", key.AuthURL)
		}
		if key.RedirectURL != "" {
			p.redirect(path+"redirect_url", key.RedirectURL)
		}
	}
}

// connections checks who is connected. One without a token in the configuration
// has it from the application of its key.
func (p *problems) connections(c *Config) {
	associations := map[string]bool{}
	sealed := false
	for i, conn := range c.ConstantContact.Connections {
		path := fmt.Sprintf("constant_contact.connections[%d].", i)
		p.unless(strings.TrimSpace(conn.Association) != "", path+"association", "must be the association_id of the database")
		p.unless(!associations[conn.Association], path+"association", "has a connection already: an association has one account")
		associations[conn.Association] = true
		named := conn.APIKey == "" || keyName.MatchString(conn.APIKey)
		p.unless(named, path+"api_key", keyNameForm)
		p.secret(path+"access_token", conn.AccessToken, false)
		if conn.AccessToken.written || !named {
			continue
		}
		sealed = true
		_, described := c.ConstantContact.Key(cmp.Or(conn.APIKey, mainKey))
		p.unless(described, path+"api_key", "must be the name of an application in constant_contact.keys, where there is none of this name (left out, it is main)")
	}
	p.unless(!sealed || len(c.State.MasterKeys) > 0, "state.master_keys",
		"must name the place of at least one key, which seals the tokens of accounts; make one with: openssl rand -base64 32")
}

// standardColumns are those of the contract: what they are for is settled.
var standardColumns = strings.Fields(`association_id rep_id member_id email first_name last_name company job_title
	phone street city state zip country active member_status membership_types opted_out mailable`)

// customFields checks the columns and labels of custom fields.
func (p *problems) customFields(all []CustomField) {
	p.unless(len(all) <= maxCustomFields, "rules.custom_fields", "must be at most 25: a contact has no more")
	columns, labels := map[string]bool{}, map[string]bool{}
	for i, f := range all {
		path := fmt.Sprintf("rules.custom_fields[%d].", i)
		label := strings.ToLower(strings.TrimSpace(f.Label))
		p.unless(columnName.MatchString(f.Column), path+"column", "must be the name of a column of rollcall.reps, in small letters, digits and underscores")
		p.unless(!slices.Contains(standardColumns, f.Column), path+"column", "is a column that every rollcall.reps has and that has its own use")
		p.unless(!columns[f.Column], path+"column", "is another custom field's")
		n := utf8.RuneCountInString(label)
		p.unless(n > 0 && n <= maxFieldLabel, path+"label", "must have 1 to 50 characters")
		p.unless(!labels[label], path+"label", "is another custom field's")
		columns[f.Column], labels[label] = true, true
	}
}

// redirect allows what a browser is sent back to: a page of our own behind TLS, or
// this host.
func (p *problems) redirect(path, text string) {
	u, err := url.Parse(text)
	ok := err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	if ok && u.Scheme == "http" {
		ip := net.ParseIP(u.Hostname())
		ok = u.Port() != "" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
	} else if ok {
		ok = u.Scheme == "https"
	}
	p.unless(ok, path, "must be exactly an address registered for the application: https://host/path, or http://localhost:port/path on this host")
}

// listen checks an address to listen on.
func (p *problems) listen(path string, m Metrics) {
	_, port, err := net.SplitHostPort(m.Listen)
	n, portErr := strconv.ParseUint(port, 10, 16)
	p.unless(m.Off() || err == nil && portErr == nil && (n > 0 || port == "0"), path, "must be host:port, such as 127.0.0.1:9464 or :9464 for every address of this host, or off")
}

func (p *problems) thresholds(path string, t Thresholds) {
	p.unless(t.Few >= 0, path+"few", "must be 0 or more")
	p.unless(t.Percent >= 0 && t.Percent <= 100, path+"percent", "must be between 0 and 100")
	p.unless(t.Many >= 1, path+"many", "must be 1 or more; to hold nothing for its number say off: true")
	p.unless(t.Small >= 1, path+"small", "must be 1 or more")
}

func (p *problems) database(path, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || strings.Trim(u.Path, "/") == "" {
		p.unless(false, path, "must be postgres://user@host:port/database")
		return
	}
	_, inside := u.User.Password()
	for key := range u.Query() {
		inside = inside || strings.Contains(strings.ToLower(key), "password")
	}
	field := strings.TrimSuffix(path, "url") + "password"
	p.unless(!inside, path, "has a password inside: take it out and name its place in "+field+"; "+secretForms)
}

// api allows plain http on this host only, for the simulator: the token would
// travel in the open.
func (p *problems) api(path, text string) {
	u, err := url.Parse(text)
	ok := err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
	if ok && u.Scheme != "https" {
		ip := net.ParseIP(u.Hostname())
		ok = u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
	}
	p.unless(ok, path, "must be https://host/path, or http:// on this host for the simulator")
}

// locate tells every secret which field it is, and whether the file has it.
func (c *Config) locate(lines map[string]int) {
	secrets := map[string]*Secret{"source.password": &c.Source.Password, "state.password": &c.State.Password}
	for i := range c.ConstantContact.Connections {
		secrets[fmt.Sprintf("constant_contact.connections[%d].access_token", i)] = &c.ConstantContact.Connections[i].AccessToken
	}
	for i := range c.ConstantContact.Keys {
		secrets[fmt.Sprintf("constant_contact.keys[%d].client_secret", i)] = &c.ConstantContact.Keys[i].ClientSecret
	}
	for i := range c.State.MasterKeys {
		secrets[fmt.Sprintf("state.master_keys[%d]", i)] = &c.State.MasterKeys[i]
	}
	for path, s := range secrets {
		s.path, s.written = path, lines[path] > 0
	}
}

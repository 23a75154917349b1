package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Config is what a probe works with. All of it is required.
type Config struct {
	BaseURL   string // such as https://api.cc.email/v3
	UserAgent string
	HTTP      *http.Client
	Token     func(context.Context) (string, error)
	Wait      func(context.Context) error // the limiter and the key's lease
	// Pause waits between two looks at an activity.
	Pause func(context.Context, time.Duration) error
	// Suffix makes the names of what is made unique, such as
	// "20260630-120000-k3x": lower-case letters, digits and hyphens, at most 24.
	Suffix string
}

// Position is one switch of the simulator, and what the service says of it.
type Position struct {
	Switch     string `json:"switch"`     // as in DESIGN.md of internal/ccsim
	Determined bool   `json:"determined"` // else Seen says why not
	Value      any    `json:"value"`      // true, false or a text; null when it is not determined
	Asked      string `json:"asked"`
	Seen       string `json:"seen"`
}

// Report is what a probe found. It has no data of members.
type Report struct {
	List      string     `json:"list"` // the name of the list that was made
	Positions []Position `json:"positions"`
	Left      []string   `json:"left"` // what a person has to remove by hand
}

// ErrNotReady says that what the probe works on could not be made.
var ErrNotReady = errors.New("the account is not ready to be probed")

// probe is one run.
type probe struct {
	Config
	report Report
	lists  []string          // ids of lists that were made; the first is that of the report
	ids    map[string]string // contacts that were made, by address
	field  string            // id of the custom field that was made
}

// The contacts of a probe: someone, someone else, and addresses that only an
// import sees.
func (p *probe) someone() string     { return "probe-" + p.Suffix + "-a@example.org" }
func (p *probe) someoneElse() string { return "probe-" + p.Suffix + "-b@example.org" }
func (p *probe) office() string      { return "info@probe-" + p.Suffix + ".example.org" }
func (p *probe) long() string {
	return "probe-" + p.Suffix + "-with-an-address-of-more-than-fifty@example.org"
}

// check finds out one position, or several that one request shows.
type check func(*probe, context.Context) []Position

// checks are in the order in which they are made: later ones work on what earlier
// ones left.
var checks = []check{
	(*probe).listNames, (*probe).libraryAgent, (*probe).defaultStatus, (*probe).deletedByID, (*probe).unsubscribedLists,
	(*probe).cursors, (*probe).unsetScalars, (*probe).conflicts, (*probe).emptyColumns,
	(*probe).putWithoutPermission, (*probe).putWithoutEmail, (*probe).memberships,
	(*probe).longAddresses, (*probe).roleAddresses, (*probe).unknownList, (*probe).unknownContacts,
	(*probe).exports, (*probe).fieldNames,
}

// Run probes the account. It makes about 60 requests in one to five minutes. An
// error says that nothing could be found out; a check that fails is a position
// that is not determined. What was made is removed, whatever happens, as far as a
// probe may.
func Run(ctx context.Context, cfg Config) (r Report, err error) {
	p := &probe{Config: cfg, ids: map[string]string{}}
	p.report.List = "Rollcall probe " + cfg.Suffix
	p.report.Positions, p.report.Left = []Position{}, []string{}
	defer func() {
		p.cleanUp(context.WithoutCancel(ctx))
		r = p.report
	}()
	if err := p.prepare(ctx); err != nil {
		return p.report, err
	}
	for _, c := range checks {
		p.report.Positions = append(p.report.Positions, c(p, ctx)...)
		if ctx.Err() != nil {
			return p.report, ctx.Err()
		}
	}
	p.report.Positions = append(p.report.Positions, beyond...)
	return p.report, nil
}

// prepare makes the list and two contacts on it. They are imported, because a
// contact that is posted might be asked for its confirmation by mail.
func (p *probe) prepare(ctx context.Context) error {
	status, list, err := p.makeList(ctx, p.report.List)
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("%w: making a list was answered %d %s", ErrNotReady, status, list.key())
	}
	made := p.importRows(ctx, p.lists[0], row{"email": p.someone(), "first_name": "Probe", "job_title": "Probe"},
		row{"email": p.someoneElse(), "first_name": "Probe"})
	if made.problem != "" {
		return fmt.Errorf("%w: importing two contacts: %s", ErrNotReady, made.problem)
	}
	for _, address := range []string{p.someone(), p.someoneElse()} {
		one, err := p.contact(ctx, address, "list_memberships")
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotReady, err)
		}
		p.ids[address] = one.text("contact_id")
	}
	return nil
}

// cleanUp removes what was made, and says what is left. A list that goes takes
// nobody with it; contacts are never deleted.
func (p *probe) cleanUp(ctx context.Context) {
	for i, id := range p.lists {
		status, o, err := p.do(ctx, http.MethodDelete, "/contact_lists/"+id, nil)
		if err != nil || status != http.StatusAccepted || p.follow(ctx, status, o.text("activity_id"), finalPolls).problem != "" {
			p.report.Left = append(p.report.Left, fmt.Sprintf("list %d of %d of the name %q", i+1, len(p.lists), p.report.List))
		}
	}
	if p.field != "" {
		status, _, err := p.do(ctx, http.MethodDelete, "/contact_custom_fields/"+p.field, nil)
		if err != nil || status != http.StatusNoContent {
			p.report.Left = append(p.report.Left, fmt.Sprintf("the custom field whose label begins with %q", p.fieldLabel()))
		}
	}
	if len(p.lists) > 0 {
		p.report.Left = append(p.report.Left, fmt.Sprintf("up to four contacts whose addresses contain %q, on no list: delete them in Constant Contact when you like", "probe-"+p.Suffix))
	}
}

// found is a position that was found out, open one that was not.
func found(name string, value any, asked, seen string, args ...any) []Position {
	return []Position{{Switch: name, Determined: true, Value: value, Asked: asked, Seen: fmt.Sprintf(seen, args...)}}
}

func open(name, asked, why string, args ...any) []Position {
	return []Position{{Switch: name, Asked: asked, Seen: fmt.Sprintf(why, args...)}}
}

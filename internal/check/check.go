// Package check looks for what is wrong with a member database, the state and
// the configuration before somebody has to find out: each finding has a name
// that stays, and the statement or setting that mends it.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/source"
)

// Severity says how bad a finding is.
type Severity string

// An error keeps Rollcall from working, loses changes, or breaks the member
// application. A warning costs time, privacy or safety. A note is good to know
// and may be meant so.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
)

// Category is the part of the installation that a finding is about.
type Category string

// The categories, in the order in which they are looked at.
const (
	Connectivity    Category = "connectivity"
	Replication     Category = "replication"
	Contract        Category = "contract"
	Access          Category = "access"
	Resources       Category = "resources"
	ConstantContact Category = "constant_contact"
)

var categories = []Category{Connectivity, Replication, Contract, Access, Resources, ConstantContact}

// Finding is one thing that is wrong.
type Finding struct {
	Name     string   `json:"name"` // stays over versions
	Category Category `json:"category"`
	Severity Severity `json:"severity"`
	Object   string   `json:"object,omitempty"` // table, view, column, slot or setting
	Text     string   `json:"text"`             // one sentence, without member data but for ids
	Fix      string   `json:"fix"`              // a statement, or a setting
}

// Config is what to look at.
type Config struct {
	Source *pgx.ConnConfig // the member database, as Rollcall's role
	State  *pgx.ConnConfig // where the state is kept; nil: in the member database
	// Name is the source's configured name.
	Name        string
	Slot        string
	Publication string
	// Triggers says that triggers capture changes: then nothing is asked about
	// publication and slot.
	Triggers bool
	// Connections are the associations with an account, and what keeps a token
	// from being read.
	Connections []Connection
	// KeepRemoved says that people whose group membership row is gone stay on
	// the group's list.
	KeepRemoved bool
	Now         func() time.Time
	// OldTransaction is from when on a transaction counts as old. Default one
	// minute.
	OldTransaction time.Duration
}

// Connection is one association's account.
type Connection struct {
	Association string
	TokenError  error // why its token cannot be read
}

// Report is what a check found, in the order of the categories, the worst first.
type Report struct {
	Findings []Finding `json:"findings"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Notes    int       `json:"notes"`
}

// serverPatience bounds every statement: a view that takes longer is a finding
// of its own.
const serverPatience = 30 * time.Second

// checker is one run.
type checker struct {
	Config
	conn     *pgx.Conn
	findings []Finding

	server  server
	tables  map[string]*table // by schema.table
	reads   []read
	watches []cdc.Watch
	pub     publication
	slot    cdc.Slot
	usable  bool            // the schema rollcall is there and may be used
	views   map[string]bool // its views and tables, and whether they can be read
}

// Run looks at everything that can be looked at. It changes nothing and calls
// nobody but the databases. What cannot be looked at is a finding.
func Run(ctx context.Context, cfg Config) Report {
	if cfg.OldTransaction == 0 {
		cfg.OldTransaction = time.Minute
	}
	c := &checker{Config: cfg, tables: map[string]*table{}, views: map[string]bool{}}
	c.vendor()
	if c.connect(ctx) {
		defer func() { _ = c.conn.Close(context.WithoutCancel(ctx)) }()
		c.all(ctx)
	}
	return c.report()
}

func (c *checker) all(ctx context.Context) {
	for _, step := range c.steps() {
		if ctx.Err() != nil || c.conn.IsClosed() {
			c.add(step.category, Error, "check_stopped", step.name, "the check ended before it had looked at everything", "run it again")
			return
		}
		if err := step.look(ctx); err != nil {
			c.add(step.category, Error, "check_failed", step.name, "this could not be looked at: "+cause(err), "mend the findings above and run the check again")
		}
	}
}

// step is one part of what is looked at.
type step struct {
	category Category
	name     string
	look     func(context.Context) error
}

func (c *checker) steps() []step {
	all := []step{
		{Connectivity, "clock", c.clock},
		{Replication, "server", c.stream},
		{Contract, "schema", c.contract},
		{Contract, "tables", c.load},
		{Contract, "watches", c.checkWatches},
		{Contract, "what the views read", c.checkReads},
		{Replication, "publication", c.checkPublication},
		{Replication, "slot", c.checkSlot},
		{Replication, "triggers", c.checkTriggers},
		{Contract, "rows", c.checkRows},
		{Contract, "look-ups", c.checkLookUps},
		{Access, "role", c.checkRole},
		{Access, "state", c.checkState},
		{Resources, "settings", c.checkResources},
		{ConstantContact, "associations", c.checkAssociations},
	}
	if !c.Triggers {
		return all
	}
	return slices.DeleteFunc(all, func(s step) bool { return s.name == "publication" || s.name == "slot" })
}

func (c *checker) add(category Category, severity Severity, name, object, text, fix string) {
	c.findings = append(c.findings, Finding{Name: name, Category: category, Severity: severity, Object: object, Text: text, Fix: fix})
}

func (c *checker) report() Report {
	r := Report{Findings: c.findings}
	order := map[Severity]int{Error: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(categories, a.Category), slices.Index(categories, b.Category)), cmp.Compare(order[a.Severity], order[b.Severity]))
	})
	for _, f := range r.Findings {
		switch f.Severity {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		case Note:
			r.Notes++
		}
	}
	return r
}

// cause names an error without what the server says about it, which may quote
// a row.
func cause(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return "SQLSTATE " + pgErr.Code
	}
	return err.Error()
}

// code is the SQLSTATE of an error, empty when the server did not send it.
func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// collect runs a query and collects its rows by position.
func collect[T any](ctx context.Context, db source.Querier, query string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// literal and identifier quote for the statements that findings name.
func literal(text string) string { return "'" + doubled(text, '\'') + "'" }

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

func doubled(text string, quote rune) string {
	var b []rune
	for _, r := range text {
		if r == quote {
			b = append(b, r)
		}
		b = append(b, r)
	}
	return string(b)
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

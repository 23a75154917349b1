package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/report"
	"rollcall/internal/setup"
	"rollcall/internal/store"
)

type initCommand struct {
	Reference bool   `help:"Use the views of the reference schema (sql/reference)." xor:"views" required:""`
	Views     string `help:"File with the views of the contract over your tables." type:"existingfile" xor:"views" required:""`
	Watches   string `help:"File that fills rollcall.watches; can be part of the views' file." type:"existingfile"`
	URL       string `help:"The member database, as the owner of its tables: postgres://owner@host/database. The password comes from PGPASSWORD or a password file." name:"url"`
	Capture   string `help:"How changes are noticed (source.capture): replication, or triggers where logical replication cannot be had." enum:"replication,triggers" default:"replication"`
	Slot      string `help:"Name of the slot (source.slot)." default:"rollcall"`
	OnRemoved string `help:"Where no membership can be disabled: whether people whose membership row is gone are taken off the group's list: keep or remove." enum:"keep,remove," default:""`
	Consent   string `help:"File that uninstall --keep-consent wrote: who opted out and who left a list." type:"existingfile"`
	Config    string `help:"Configuration file; needed for --consent where the state is in another database (state.url)." type:"existingfile" short:"c"`
	Print     bool   `help:"Print the SQL for a DBA instead of applying it. With --url it is tried first, and taken back." xor:"output"`
	JSON      bool   `help:"Print what was made as JSON." xor:"output"`
}

// neverDisabled finds the usual way to write that no membership is ever
// disabled. With a database at hand the planner is asked instead.
var neverDisabled = regexp.MustCompile(`(?i)\bfalse(::bool(ean)?)?\s+(as\s+)?disabled\b`)

func (c *initCommand) Run(e *env) error {
	contract, err := c.contract()
	if err != nil {
		return err
	}
	if c.Config != "" && c.Consent == "" {
		return usage("--config", "belongs to --consent: it says where the state is")
	}
	if c.Consent != "" && c.Print {
		return usage("--consent", "is read into the state, which --print does not make; apply the SQL, and then run init --consent")
	}
	if c.URL == "" {
		if !c.Print {
			return usage("--url", "is missing: name the member database, or use --print")
		}
		if c.OnRemoved == "" && neverDisabled.MatchString(contract.Views) {
			return usage("--on-removed", "must be keep or remove: the views show every membership as enabled, so with keep nobody ever leaves a group's list")
		}
		return c.print(e, contract)
	}
	cfg, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return usage("--url", "is not a Postgres URL") // pgx repeats it, password and all
	}
	cfg.RuntimeParams["application_name"] = "rollcall init"
	conn, err := pgx.ConnectConfig(e.ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to the member database (host %s, port %d, database %s, user %s): %w", cfg.Host, cfg.Port, cfg.Database, cfg.User, scrub(err))
	}
	defer conn.Close(e.ctx)
	if c.Print {
		if _, err := setup.Try(e.ctx, conn, contract); err != nil {
			return err
		}
		return c.print(e, contract)
	}
	result, err := setup.Apply(e.ctx, conn, contract)
	if err != nil {
		return err
	}
	made := initiated{
		Fresh: result.Fresh, Capture: config.Capture(c.Capture), SlotCreated: result.SlotCreated, SlotLeft: result.SlotLeft, Slot: contract.Slot, OnRemoved: c.OnRemoved,
	}
	if c.Consent != "" {
		if made.Consent, err = c.keepConsent(e, conn); err != nil {
			return err
		}
	}
	if c.JSON {
		return report.JSON(e.stdout, made)
	}
	return made.text(e.stdout)
}

// initiated is what init made.
type initiated struct {
	Fresh       bool           `json:"fresh"` // else it was there, and was brought up to date
	Capture     config.Capture `json:"capture"`
	Slot        string         `json:"slot,omitempty"`
	SlotCreated bool           `json:"slot_created"`
	SlotLeft    bool           `json:"slot_left"` // to Rollcall's start, because this user may not replicate
	OnRemoved   string         `json:"on_removed,omitempty"`
	Consent     *taken         `json:"consent,omitempty"`
}

// taken is what was taken in of an earlier installation.
type taken struct {
	Source string `json:"source"` // what source.name has to be
	store.Kept
}

func (i initiated) text(w io.Writer) error {
	what := "the publication"
	if i.Capture == config.CaptureTriggers {
		what = "the triggers"
	}
	made := "brought the schema rollcall and " + what + " up to date"
	if i.Fresh {
		made = "made the schema rollcall, " + what + " and the role"
	}
	switch {
	case i.SlotCreated:
		made += ", and the slot " + i.Slot
	case i.SlotLeft:
		made += "; the slot is made when Rollcall starts, because this user may not replicate"
	}
	if i.SlotCreated {
		made += "\nthe server keeps its write-ahead log for the slot from now on: start Rollcall soon, or drop it with select pg_drop_replication_slot('" + i.Slot + "')"
	}
	if i.Capture == config.CaptureTriggers {
		made += "\nthe log of changes grows from now on: start Rollcall soon, and set in the configuration:\nsource:\n  capture: triggers"
	}
	if i.OnRemoved != "" {
		made += "\nset in the configuration:\nrules:\n  on_removed: " + i.OnRemoved
	}
	if t := i.Consent; t != nil {
		made += fmt.Sprintf("\ntook in %s; source.name has to be %s\nthe file holds members' addresses: delete it now", t.Kept, t.Source)
	}
	_, err := fmt.Fprintln(w, made+"\nthen see what rollcall check says")
	return err
}

// keepConsent takes in the file of an earlier installation.
func (c *initCommand) keepConsent(e *env, conn *pgx.Conn) (*taken, error) {
	var cfg *config.Config
	if c.Config != "" {
		var err error
		if cfg, err = config.Load(c.Config); err != nil {
			return nil, err
		}
	}
	file, err := os.Open(c.Consent)
	if err != nil {
		return nil, fmt.Errorf("read file of consent: %w", err)
	}
	defer file.Close()
	source, kept, err := app.KeepConsent(e.ctx, conn, cfg, c.Slot, file, e.Now)
	if err != nil {
		return nil, err
	}
	return &taken{source, kept}, nil
}

func (c *initCommand) print(e *env, contract setup.Contract) error {
	script, err := contract.Script()
	if err != nil {
		return err
	}
	if c.OnRemoved != "" {
		script += fmt.Sprintf("\n-- Set in Rollcall's configuration:\n-- rules:\n--   on_removed: %s\n", c.OnRemoved)
	}
	_, err = fmt.Fprint(e.stdout, script)
	return err
}

func (c *initCommand) contract() (setup.Contract, error) {
	contract := setup.Contract{Slot: c.Slot, OnRemoved: c.OnRemoved}
	if c.Capture == string(config.CaptureTriggers) {
		contract.Slot, contract.Triggers = "", true
	}
	if !slotName.MatchString(c.Slot) {
		return contract, usage("--slot", "must have 1 to 63 small letters, digits or underscores")
	}
	if c.Reference {
		if c.Watches != "" {
			return contract, usage("--watches", "belongs to --views: the reference has watches of its own")
		}
		return contract, nil
	}
	views, err := os.ReadFile(c.Views)
	if err != nil {
		return contract, fmt.Errorf("read views: %w", err)
	}
	contract.Views = string(views)
	if c.Watches == "" {
		return contract, nil
	}
	watches, err := os.ReadFile(c.Watches)
	if err != nil {
		return contract, fmt.Errorf("read watches: %w", err)
	}
	contract.Watches = string(watches)
	return contract, nil
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func usage(flag, text string) error { return &usageError{flag + " " + text, "rollcall init --help"} }

// scrub leaves out what pgx says about the address, which may hold a password.
func scrub(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

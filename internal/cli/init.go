package cli

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/setup"
)

type initCommand struct {
	Reference bool   `help:"Use the views of the reference schema (sql/reference)." xor:"views" required:""`
	Views     string `help:"File with the views of the contract over your tables." type:"existingfile" xor:"views" required:""`
	Watches   string `help:"File that fills rollcall.watches; can be part of the views' file." type:"existingfile"`
	URL       string `help:"The member database, as the owner of its tables: postgres://owner@host/database. The password comes from PGPASSWORD or a password file." name:"url"`
	Slot      string `help:"Name of the slot (source.slot)." default:"rollcall"`
	OnRemoved string `help:"Where no membership can be disabled: whether people whose membership row is gone are taken off the group's list (${enum})." enum:"keep,remove," default:""`
	Consent   string `help:"File that uninstall --keep-consent wrote: who opted out and who left a list." type:"existingfile"`
	Config    string `help:"Configuration file; needed for --consent where the state is in another database (state.url)." type:"existingfile" short:"c"`
	Print     bool   `help:"Print the SQL for a DBA instead of applying it. With --url it is tried first, and taken back."`
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
	made := "brought the schema rollcall and the publication up to date"
	if result.Fresh {
		made = "made the schema rollcall, the publication and the role"
	}
	switch {
	case result.SlotCreated:
		made += ", and the slot " + c.Slot
	case result.SlotLeft:
		made += "; the slot is made when Rollcall starts, because this user may not replicate"
	}
	fmt.Fprintln(e.stdout, made)
	if result.SlotCreated {
		fmt.Fprintln(e.stdout, "the server keeps its write-ahead log for the slot from now on: start Rollcall soon, or drop it with select pg_drop_replication_slot('"+c.Slot+"')")
	}
	if c.OnRemoved != "" {
		fmt.Fprintf(e.stdout, "set in the configuration:\nrules:\n  on_removed: %s\n", c.OnRemoved)
	}
	if c.Consent != "" {
		if err := c.keepConsent(e, conn); err != nil {
			return err
		}
	}
	fmt.Fprintln(e.stdout, "then see what rollcall check says")
	return nil
}

// keepConsent takes in the file of an earlier installation.
func (c *initCommand) keepConsent(e *env, conn *pgx.Conn) error {
	var cfg *config.Config
	if c.Config != "" {
		var err error
		if cfg, err = config.Load(c.Config); err != nil {
			return err
		}
	}
	file, err := os.Open(c.Consent)
	if err != nil {
		return fmt.Errorf("read file of consent: %w", err)
	}
	defer file.Close()
	source, kept, err := app.KeepConsent(e.ctx, conn, cfg, c.Slot, file, e.Now)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "took in %d opt-outs, %d departures and %d of erased people; source.name has to be %s\nthe file holds members' addresses: delete it now\n",
		kept.OptOuts, kept.Departures, kept.Erased, source)
	return nil
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

package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/report"
	"rollcall/internal/setup"
	"rollcall/internal/store"
)

type uninstallCommand struct {
	Config      string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	URL         string `help:"The member database, as the owner of its tables: postgres://owner@host/database. The password comes from PGPASSWORD or a password file. Default: source.url." name:"url"`
	KeepConsent string `help:"Write who opted out and who left a list to this new file, for init --consent. It holds members' addresses." type:"path" placeholder:"FILE"`
	Print       bool   `help:"Print the SQL for a DBA instead of applying it." xor:"output"`
	Yes         bool   `help:"Do not ask." short:"y"`
	JSON        bool   `help:"Print JSON; what is asked and said meanwhile goes to standard error. Needs --yes." xor:"output"`
}

// uninstalled is what uninstall did.
type uninstalled struct {
	Removed   []string    `json:"removed"`
	RoleStays bool        `json:"role_stays"`        // another database of the server uses it
	Consent   *store.Kept `json:"consent,omitempty"` // written to the file
}

// Run removes Rollcall from the member database, with its state.
func (c *uninstallCommand) Run(e *env) error {
	if c.JSON && !c.Yes {
		return &usageError{"uninstall asks, and --json leaves nobody to answer", "--yes"}
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if c.Print && c.KeepConsent == "" {
		return c.print(e, cfg)
	}
	owner, err := c.owner(cfg)
	if err != nil {
		return err
	}
	u, err := app.OpenUninstalling(e.ctx, cfg, owner, e.Now)
	if err != nil {
		return err
	}
	defer u.Close()
	did := uninstalled{Removed: parts(u, cfg)}
	if c.Print {
		if _, err := c.keepConsent(e, u); err != nil {
			return err
		}
		return c.print(e, cfg)
	}
	out := e.stdout
	if c.JSON {
		out = e.stderr
	}
	if len(did.Removed) == 0 {
		fmt.Fprintln(out, "There is nothing of Rollcall in this database.")
		return c.report(e, did)
	}
	c.describe(out, u, did.Removed)
	if err := u.Ready(); err != nil {
		return err
	}
	if !c.Yes {
		if err := confirm(e, "Remove all this?", "uninstall"); err != nil {
			return err
		}
	}
	if c.KeepConsent != "" {
		if did.Consent, err = c.keepConsent(e, u); err != nil {
			return err
		}
	}
	if did.RoleStays, err = u.Remove(e.ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "Removed.")
	if did.RoleStays {
		fmt.Fprintln(out, "The role rollcall stays: another database of the server uses it.")
	}
	fmt.Fprintln(out, "Indexes and replica identities that your own views.sql added to member tables stay too: its statements name them.\n"+
		"Constant Contact's lists and people stay as they are. Remove the application there, below the account's connected applications.")
	return c.report(e, did)
}

func (c *uninstallCommand) report(e *env, did uninstalled) error {
	if !c.JSON {
		return nil
	}
	return report.JSON(e.stdout, did)
}

func (c *uninstallCommand) print(e *env, cfg *config.Config) error {
	_, err := fmt.Fprint(e.stdout, setup.RemovalScript(cfg.Source.Slot))
	if err == nil && cfg.State.URL != cfg.Source.URL {
		_, err = fmt.Fprint(e.stdout, "\n-- The state is in another database (state.url). There, where no other source uses it:\n--     drop schema rollcall_state cascade;\n")
	}
	return err
}

// owner is how to connect to the member database.
func (c *uninstallCommand) owner(cfg *config.Config) (*pgx.ConnConfig, error) {
	if c.URL == "" {
		member, _, err := app.Databases(cfg)
		return member, err
	}
	owner, err := pgx.ParseConfig(c.URL)
	if err != nil {
		return nil, &usageError{"--url is not a Postgres URL", "rollcall uninstall --help"} // pgx repeats it, password and all
	}
	return owner, nil
}

// parts are what there is to remove.
func parts(u *app.Uninstalling, cfg *config.Config) []string {
	all := []string{}
	for _, part := range []struct {
		there bool
		what  string
	}{
		{u.Present.Slot, "the slot " + cfg.Source.Slot},
		{u.Present.Publication, "the publication rollcall"},
		{u.Present.Log, "the triggers on the member tables, and the log of changes"},
		{u.Present.Schema, "the schema rollcall with its views"},
		{u.Present.State && !u.Elsewhere, "the schema rollcall_state"},
		{u.HasState && u.Elsewhere, "what the state at state.url has of source " + cfg.Source.Name},
		{u.Present.Role, "the role rollcall"},
	} {
		if part.there {
			all = append(all, part.what)
		}
	}
	return all
}

// describe says what there is.
func (c *uninstallCommand) describe(out io.Writer, u *app.Uninstalling, parts []string) {
	fmt.Fprintf(out, "This removes for good:\n  %s\n", strings.Join(parts, "\n  "))
	if !u.HasState {
		return
	}
	r := u.Remembered
	fmt.Fprintf(out, "The state knows %d addresses that opted out and %d departures from lists, and %d connected accounts.\n", r.OptOuts, r.Departures, r.Connections)
	if c.KeepConsent == "" && r.OptOuts+r.Departures > 0 {
		fmt.Fprintln(out, "They are forgotten: --keep-consent FILE would keep them for another installation.")
	}
}

// keepConsent writes the file before anything is removed.
func (c *uninstallCommand) keepConsent(e *env, u *app.Uninstalling) (*store.Kept, error) {
	if !u.HasState {
		return nil, &app.RefusedError{What: "keep consent", Detail: "there is no state, so nothing is known of anybody", Try: "leaving --keep-consent out"}
	}
	file, err := os.OpenFile(c.KeepConsent, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, &usageError{"--keep-consent names a file that is there already", "another name"}
	}
	if err != nil {
		return nil, fmt.Errorf("write file of consent: %w", err)
	}
	kept, err := u.WriteConsent(e.ctx, file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(c.KeepConsent)
		return nil, fmt.Errorf("write file of consent: %w", err)
	}
	fmt.Fprintf(e.stderr, "Wrote %s to %s. It holds members' addresses, and only you may read it:\n"+
		"keep it like the member database, give it to rollcall init --consent, and delete it then.\n", kept, c.KeepConsent)
	return &kept, nil
}

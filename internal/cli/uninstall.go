package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/setup"
)

type uninstallCommand struct {
	Config      string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	URL         string `help:"The member database, as the owner of its tables: postgres://owner@host/database. The password comes from PGPASSWORD or a password file. Default: source.url." name:"url"`
	KeepConsent string `help:"Write who opted out and who left a list to this new file, for init --consent. It holds members' addresses." type:"path" placeholder:"FILE"`
	Print       bool   `help:"Print the SQL for a DBA instead of applying it."`
	Yes         bool   `help:"Do not ask." short:"y"`
}

// Run removes Rollcall from the member database, with its state.
func (c *uninstallCommand) Run(e *env) error {
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
	if c.Print {
		if err := c.keepConsent(e, u); err != nil {
			return err
		}
		return c.print(e, cfg)
	}
	if !u.Present.Any() && !u.HasState {
		fmt.Fprintln(e.stdout, "There is nothing of Rollcall in this database.")
		return nil
	}
	c.describe(e, u, cfg)
	if err := u.Ready(); err != nil {
		return err
	}
	if !c.Yes {
		if err := confirm(e, "Remove all this?", "uninstall"); err != nil {
			return err
		}
	}
	if c.KeepConsent != "" {
		if err := c.keepConsent(e, u); err != nil {
			return err
		}
	}
	roleStays, err := u.Remove(e.ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, "Removed.")
	if roleStays {
		fmt.Fprintln(e.stdout, "The role rollcall stays: another database of the server uses it.")
	}
	fmt.Fprintln(e.stdout, "Indexes and replica identities that your own views.sql added to member tables stay too: its statements name them.\n"+
		"Constant Contact's lists and people stay as they are. Remove the application there, below the account's connected applications.")
	return nil
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

// describe says what there is.
func (c *uninstallCommand) describe(e *env, u *app.Uninstalling, cfg *config.Config) {
	var parts []string
	for _, part := range []struct {
		there bool
		what  string
	}{
		{u.Present.Slot, "the slot " + cfg.Source.Slot},
		{u.Present.Publication, "the publication rollcall"},
		{u.Present.Schema, "the schema rollcall with its views"},
		{u.Present.State && !u.Elsewhere, "the schema rollcall_state"},
		{u.HasState && u.Elsewhere, "what the state at state.url has of source " + cfg.Source.Name},
		{u.Present.Role, "the role rollcall"},
	} {
		if part.there {
			parts = append(parts, "  "+part.what)
		}
	}
	fmt.Fprintf(e.stdout, "This removes for good:\n%s\n", strings.Join(parts, "\n"))
	if !u.HasState {
		return
	}
	r := u.Remembered
	fmt.Fprintf(e.stdout, "The state knows %d addresses that opted out and %d departures from lists, and %d connected accounts.\n", r.OptOuts, r.Departures, r.Connections)
	if c.KeepConsent == "" && r.OptOuts+r.Departures > 0 {
		fmt.Fprintln(e.stdout, "They are forgotten: --keep-consent FILE would keep them for another installation.")
	}
}

// keepConsent writes the file before anything is removed.
func (c *uninstallCommand) keepConsent(e *env, u *app.Uninstalling) (err error) {
	if !u.HasState {
		return &app.RefusedError{What: "keep consent", Detail: "there is no state, so nothing is known of anybody", Try: "leaving --keep-consent out"}
	}
	file, err := os.OpenFile(c.KeepConsent, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &usageError{"--keep-consent names a file that is there already", "another name"}
	}
	if err != nil {
		return fmt.Errorf("write file of consent: %w", err)
	}
	kept, err := u.WriteConsent(e.ctx, file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(c.KeepConsent)
		return fmt.Errorf("write file of consent: %w", err)
	}
	fmt.Fprintf(e.stderr, "Wrote %d opt-outs, %d departures and %d of erased people to %s. It holds members' addresses, and only you may read it:\n"+
		"keep it like the member database, give it to rollcall init --consent, and delete it then.\n", kept.OptOuts, kept.Departures, kept.Erased, c.KeepConsent)
	return nil
}

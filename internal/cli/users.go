package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"rollcall/internal/access"
	"rollcall/internal/app"
	"rollcall/internal/config"
)

type usersCommand struct {
	List     usersList     `cmd:"" default:"withargs" help:"List the users."`
	Add      usersAdd      `cmd:"" help:"Add a user. The password is asked for, or read from standard input."`
	Role     usersRole     `cmd:"" help:"Give a user another role, and other associations if wanted, from the next click on."`
	Password usersPassword `cmd:"" help:"Give a user another password, and end all sessions of the user."`
	Remove   usersRemove   `cmd:"" help:"Remove a user, and end all sessions of the user."`
}

// checkAssociations wants a connection for each association.
func checkAssociations(cfg *config.Config, ids []string) error {
	for _, id := range ids {
		if _, ok := cfg.ConstantContact.Connection(id); !ok {
			return &app.UnknownAssociationError{Association: id, Configured: associations(cfg)}
		}
	}
	return nil
}

func associations(cfg *config.Config) []string {
	var all []string
	for _, c := range cfg.ConstantContact.Connections {
		all = append(all, c.Association)
	}
	return all
}

type usersList struct{ inspectFlags }

type listedUsers struct {
	Users []listedUser `json:"users"`
}

type listedUser struct {
	access.User
	Password bool      `json:"password"` // false: let in by the proxy only
	AddedAt  time.Time `json:"added_at"`
	AddedBy  string    `json:"added_by"`
}

func (c *usersList) Run(e *env) error {
	return c.inspectFlags.users(e, false, func(_ *config.Config, u *app.Users) error {
		all, err := u.ConsoleUsers(e.ctx)
		if err != nil {
			return err
		}
		list := listedUsers{Users: []listedUser{}}
		for _, user := range all {
			list.Users = append(list.Users, listedUser{user.User, user.PasswordHash != "", user.AddedAt, user.AddedBy})
		}
		return c.write(e, list)
	})
}

func (l listedUsers) text(e *env) error {
	if len(l.Users) == 0 {
		_, err := fmt.Fprintln(e.stdout, "There are no users: nobody can sign in to the console.\nAdd the first with: rollcall users add NAME --role admin")
		return err
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tASSOCIATIONS\tPASSWORD\tADDED")
	for _, u := range l.Users {
		sees, password := "all", "yes"
		if u.Associations != nil {
			sees = strings.Join(u.Associations, ", ")
		}
		if !u.Password {
			password = "no, proxy only"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s by %s\n", u.Name, u.Role, sees, password, u.AddedAt.UTC().Format(time.DateOnly), u.AddedBy)
	}
	return w.Flush()
}

type usersAdd struct {
	inspectFlags
	Name        string   `arg:"" help:"Name to sign in with, or that the proxy sends."`
	Role        string   `help:"viewer sees everything; operator also syncs, answers questions and ticks groups; admin also connects accounts and changes options." enum:"viewer,operator,admin" required:""`
	Association []string `help:"Id of an association that the user sees, several times for several; left out: all." short:"a" placeholder:"ID"`
	NoPassword  bool     `help:"Only the trusted proxy may sign this user in."`
}

func (c *usersAdd) Run(e *env) error {
	return c.inspectFlags.users(e, true, func(cfg *config.Config, users *app.Users) error {
		u := access.User{Associations: c.Association}
		var err error
		if u.Name, err = access.UserName(c.Name); err != nil {
			return err
		}
		if u.Role, err = access.ParseRole(c.Role); err != nil {
			return err
		}
		if err := checkAssociations(cfg, c.Association); err != nil {
			return err
		}
		_, err = users.ConsoleUser(e.ctx, u.Name)
		if err == nil {
			return access.ErrUserExists
		}
		if !errors.Is(err, access.ErrNoUser) {
			return err
		}
		hash := ""
		if !c.NoPassword {
			if hash, err = newPassword(e, u.Name); err != nil {
				return err
			}
		}
		if err := users.AddConsoleUser(e.ctx, u, hash, e.who()); err != nil {
			return err
		}
		return c.write(e, changedUser{u.Name, "added"})
	})
}

type usersRole struct {
	inspectFlags
	Name            string   `arg:"" help:"Name of the user."`
	Role            string   `arg:"" help:"viewer, operator or admin." enum:"viewer,operator,admin"`
	Association     []string `help:"Id of an association that the user sees from now on, several times for several; left out: those of before." short:"a" placeholder:"ID" xor:"associations"`
	AllAssociations bool     `help:"The user sees all associations from now on." xor:"associations"`
}

func (c *usersRole) Run(e *env) error {
	return c.inspectFlags.users(e, false, func(cfg *config.Config, users *app.Users) error {
		name, err := access.UserName(c.Name)
		if err != nil {
			return err
		}
		a, err := users.ConsoleUser(e.ctx, name)
		if err != nil {
			return err
		}
		u := a.User
		if u.Role, err = access.ParseRole(c.Role); err != nil {
			return err
		}
		if err := checkAssociations(cfg, c.Association); err != nil {
			return err
		}
		if c.AllAssociations || len(c.Association) > 0 {
			u.Associations = c.Association
		}
		if err := users.ChangeConsoleUser(e.ctx, u, e.who()); err != nil {
			return err
		}
		return c.write(e, changedUser{u.Name, "changed"})
	})
}

type usersPassword struct {
	inspectFlags
	Name string `arg:"" help:"Name of the user."`
}

func (c *usersPassword) Run(e *env) error {
	return c.inspectFlags.users(e, false, func(_ *config.Config, users *app.Users) error {
		name, err := access.UserName(c.Name)
		if err != nil {
			return err
		}
		if _, err := users.ConsoleUser(e.ctx, name); err != nil {
			return err
		}
		hash, err := newPassword(e, name)
		if err != nil {
			return err
		}
		if err := users.SetConsolePassword(e.ctx, name, hash, e.who()); err != nil {
			return err
		}
		return c.write(e, changedUser{name, "given another password, and signed out everywhere"})
	})
}

type usersRemove struct {
	inspectFlags
	Name string `arg:"" help:"Name of the user."`
}

func (c *usersRemove) Run(e *env) error {
	return c.inspectFlags.users(e, false, func(_ *config.Config, users *app.Users) error {
		name, err := access.UserName(c.Name)
		if err != nil {
			return err
		}
		if err := users.RemoveConsoleUser(e.ctx, name, e.who()); err != nil {
			return err
		}
		return c.write(e, changedUser{name, "removed, and signed out everywhere"})
	})
}

// changedUser is what a command says that changed a user.
type changedUser struct {
	User string `json:"user"`
	Did  string `json:"did"`
}

func (c changedUser) text(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "User %s is %s.\n", c.User, c.Did)
	return err
}

// users works on those who may see the console.
func (f inspectFlags) users(e *env, prepare bool, work func(*config.Config, *app.Users) error) error {
	cfg, err := config.Load(f.Config)
	if err != nil {
		return err
	}
	users, err := app.OpenUsers(e.ctx, cfg, e.Now, prepare)
	if err != nil {
		return err
	}
	defer users.Close()
	return work(cfg, users)
}

// newPassword asks for a new password and returns what is kept of it. On a
// terminal it is typed twice and not shown; else it is the first line of standard
// input. It is never an argument, which everybody on the host could read.
func newPassword(e *env, name string) (string, error) {
	file, ok := e.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		line, err := bufio.NewReader(e.Stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read password: %w", err)
		}
		if line == "" {
			return "", &usageError{"there is no password on standard input, and no terminal to ask on", "rollcall users add NAME --role ROLE < file-with-the-password"}
		}
		return access.HashPassword(name, strings.TrimRight(line, "\r\n"))
	}
	var typed [2]string
	for i, prompt := range []string{"New password of " + name, "Once more"} {
		fmt.Fprintf(e.stderr, "%s: ", prompt)
		text, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(e.stderr)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		typed[i] = string(text)
	}
	if typed[0] != typed[1] {
		return "", &usageError{"the two passwords differ", "once more"}
	}
	return access.HashPassword(name, typed[0])
}

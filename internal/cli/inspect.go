package cli

import (
	"errors"
	"os"
	"strings"

	"rollcall/cdc"
	"rollcall/internal/access"
	"rollcall/internal/app"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/report"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// usageError is a command line that cannot be followed.
type usageError struct{ text, try string }

func (e *usageError) Error() string { return e.text }

// remedy is what to try after an error, empty where nothing is known to help.
func remedy(err error) string {
	var usage *usageError
	var refused *app.RefusedError
	var unknown *app.UnknownAssociationError
	var nobody *app.NobodyError
	var wrong *config.Error
	var exposed *access.ExposedError
	var other *app.OtherDatabaseError
	var name *store.NameError
	var account *credential.OtherAccountError
	switch {
	case errors.As(err, &usage):
		return usage.try
	case errors.As(err, &refused):
		return refused.Try
	case errors.As(err, &account):
		return account.Remedy() + ", if that is the association's account from now on"
	case errors.As(err, &unknown) && len(unknown.Configured) > 0:
		return "--association " + strings.Join(unknown.Configured, " or ")
	case errors.As(err, &wrong) && wrong.File != "":
		if _, missing := os.Stat(wrong.File); missing != nil {
			return "--config FILE; docs/rollcall.example.yaml is one to begin with"
		}
		return "docs/rollcall.example.yaml, which explains every field"
	case errors.As(err, &exposed):
		return exposed.Try
	case errors.Is(err, access.ErrNoUser):
		return "rollcall users"
	case errors.Is(err, access.ErrUserExists):
		return "rollcall users role, or rollcall users password"
	case errors.As(err, &nobody):
		return "another spelling, or the rep id of the member database"
	case errors.As(err, &other), errors.Is(err, cdc.ErrOtherServer):
		return "correct source.url; or, if it is the right database now: rollcall adopt --failover, or rollcall adopt --restored for a backup"
	case errors.As(err, &name):
		return "source.name: " + name.Known
	case errors.Is(err, store.ErrStateInUse):
		return "rollcall uninstall, then init --consent"
	case errors.Is(err, store.ErrNotStarted), errors.Is(err, store.ErrOlderState):
		return "rollcall run, which makes the state and keeps it up to date"
	case errors.Is(err, store.ErrNotWaiting), errors.Is(err, store.ErrNoApproval):
		return "rollcall approvals"
	case errors.Is(err, store.ErrNoRun):
		return "rollcall runs"
	}
	return ""
}

// inspectFlags are those of all commands that look at the databases.
type inspectFlags struct {
	Config string `help:"Configuration file." default:"/etc/rollcall/rollcall.yaml" type:"path" short:"c"`
	JSON   bool   `help:"Print JSON."`
}

func (f inspectFlags) open(e *env) (*app.Inspector, error) {
	cfg, err := config.Load(f.Config)
	if err != nil {
		return nil, err
	}
	return app.Inspect(e.ctx, cfg, e.Now)
}

// associationFlags are those of commands about one association or all.
type associationFlags struct {
	inspectFlags
	Association string `help:"Association id; needed where several are connected." short:"a"`
}

// each are the associations that a command is about: the one named, or all.
func (f associationFlags) each(i *app.Inspector) ([]*app.View, error) {
	ids := i.Associations()
	if f.Association != "" {
		ids = []string{f.Association}
	}
	if len(ids) == 0 {
		return nil, &usageError{"the configuration connects no association", "an entry under constant_contact.connections"}
	}
	views := make([]*app.View, len(ids))
	for n, id := range ids {
		var err error
		if views[n], err = i.View(id); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// one is the association that a command is about.
func (f associationFlags) one(i *app.Inspector) (*app.View, error) {
	views, err := f.each(i)
	if err != nil {
		return nil, err
	}
	if len(views) > 1 {
		return nil, &usageError{"several associations are connected", "--association " + strings.Join(i.Associations(), " or ")}
	}
	return views[0], nil
}

// write prints text, or JSON where that is asked for.
func (f inspectFlags) write(e *env, v interface{ text(*env) error }) error {
	if f.JSON {
		return report.JSON(e.stdout, v)
	}
	return v.text(e)
}

// person reads an argument that is an address or a rep id. What holds an @ is
// meant to be an address.
func person(text string) (mapper.Address, mapper.RepID, error) {
	if !strings.Contains(text, "@") {
		if strings.TrimSpace(text) == "" {
			return "", "", &usageError{"nobody is named", "an e-mail address or a rep id"}
		}
		return "", mapper.RepID(text), nil
	}
	address, problem := mapper.Normalize(text)
	if problem != "" {
		try := mapper.Hint(text)
		if try == "" {
			try = "one e-mail address, or a rep id"
		}
		return "", "", &usageError{"read address: " + lower(problem.Text()), try}
	}
	return address, "", nil
}

// lower makes a sentence part of an error.
func lower(sentence string) string {
	if sentence == "" {
		return sentence
	}
	return strings.ToLower(sentence[:1]) + strings.TrimSuffix(sentence[1:], ".")
}

package credential

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rollcall/internal/secretbox"
	"rollcall/sink/constantcontact"
	"rollcall/sink/constantcontact/oauth"
)

// API is what is asked of an account that is being connected; see
// constantcontact.Client.
type API interface {
	AccountSummary(ctx context.Context) (constantcontact.Account, error)
	Privileges(ctx context.Context) ([]string, error)
}

// MissingError says what the grant or the user who gave it lacks.
type MissingError struct {
	What  string // scopes or privileges
	Names []string
}

// Error names what is missing and what to do.
func (e *MissingError) Error() string {
	text := "the account cannot be used: missing " + e.What + " " + strings.Join(e.Names, ", ")
	if e.What == "privileges" {
		return text + "; sign in as a user with the role Owner or Manager, as a Campaign Creator sees neither contacts nor lists"
	}
	return text + "; allow everything that is asked for"
}

// Connector connects accounts to one association.
type Connector struct {
	Source, Association, APIKey string
	Store                       Store
	Box                         *secretbox.Box
	Now                         func() time.Time
	// Adopt is the id of an account that the association has from now on, instead
	// of another one that it had before; empty: none may take its place.
	Adopt string
}

// Connect checks what a new grant leads to and records it. The token is used for
// the check before it is on record: one that is lost now costs a repetition, with
// the person still there. The errors that a person can act on are *MissingError,
// *AccountTakenError and *OtherAccountError; nothing is recorded then.
func (c *Connector) Connect(ctx context.Context, token oauth.Token, api API, by, agreedBy string) (Connection, error) {
	if missing := token.MissingScopes(); len(missing) > 0 {
		return Connection{}, &MissingError{"scopes", missing}
	}
	account, err := c.check(ctx, api)
	if err != nil {
		return Connection{}, err
	}
	now := c.Now()
	made := Connection{
		APIKey: c.APIKey, AccountID: account.ID, AccountName: account.Organization, State: Connected, StateSince: now,
		ConnectedAt: now, ConnectedBy: by, AgreedAt: now, AgreedBy: agreedBy,
	}
	row := func(column string) []string { return []string{c.Source, c.Association, column} }
	sealed := Sealed{
		Access: c.Box.Seal([]byte(token.Access), row("access")...), Refresh: c.Box.Seal([]byte(token.Refresh), row("refresh")...), ExpiresAt: token.ExpiresAt,
	}
	return made, c.Store.Connect(ctx, made, sealed, c.Adopt == account.ID)
}

// Verify checks what a token of the configuration leads to and records the
// account; by is who wants that. api uses that token whatever the connection's
// state is.
func (c *Connector) Verify(ctx context.Context, api API, by string) (Connection, error) {
	account, err := c.check(ctx, api)
	if err != nil {
		return Connection{}, err
	}
	now := c.Now()
	made := Connection{
		APIKey: c.APIKey, AccountID: account.ID, AccountName: account.Organization, State: Connected, StateSince: now,
		ConnectedAt: now, ConnectedBy: by,
	}
	return made, c.Store.SetAccount(ctx, made, c.Adopt == account.ID)
}

func (c *Connector) check(ctx context.Context, api API) (constantcontact.Account, error) {
	account, err := api.AccountSummary(ctx)
	if err != nil {
		return account, fmt.Errorf("check account: %w", err)
	}
	have, err := api.Privileges(ctx)
	if err != nil {
		return account, fmt.Errorf("check account: %w", err)
	}
	if missing := constantcontact.MissingPrivileges(have); len(missing) > 0 {
		return account, &MissingError{"privileges", missing}
	}
	return account, nil
}

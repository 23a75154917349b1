package credential

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// State is what an association's connection is good for.
type State string

// The states of a connection. Nothing is sent in any but the first; everything
// stays queued.
const (
	Connected         State = "connected"
	NeedsReconnecting State = "needs_reconnecting" // a person has to connect the account again
	OtherAccount      State = "other_account"      // the token leads to another account than before
	Disconnected      State = "disconnected"       // on request; or it never was connected
)

// Connection is an association's account.
type Connection struct {
	APIKey      string // its name in the configuration
	AccountID   string // Constant Contact's encoded_account_id
	AccountName string
	State       State
	Detail      string // why, without a secret
	StateSince  time.Time
	ConnectedAt time.Time
	ConnectedBy string
	AgreedAt    time.Time // that members agreed to be mailed; zero: nobody was asked
	AgreedBy    string
}

// Sealed is a pair of tokens as it is on record.
type Sealed struct {
	Access, Refresh []byte
	ExpiresAt       time.Time // of the access token
	Version         int64     // raised by each pair; 0: there is none
}

// Locked is an association's tokens while nobody else may refresh them.
type Locked interface {
	// Current are the tokens on record, and the state of their connection.
	Current() (Sealed, State)
	// Save makes a new pair durable and ends the lock. It goes on trying until
	// the context ends. ErrSuperseded means that another pair was saved
	// meanwhile, which only connecting does.
	Save(ctx context.Context, next Sealed) error
}

// Store keeps the connection and the tokens of one association.
type Store interface {
	// Connection reads the connection; one that never was is Disconnected.
	Connection(ctx context.Context) (Connection, Sealed, error)
	// LockTokens does work while no other process can refresh the tokens.
	LockTokens(ctx context.Context, work func(context.Context, Locked) error) error
	// SaveTokens saves a pair that could not be saved under the lock, if the
	// tokens still have the version that it replaces; see Locked.
	SaveTokens(ctx context.Context, before int64, next Sealed) error
	// SetConnection changes the state, if the tokens still have the version.
	// changed is false when the state was that one already.
	SetConnection(ctx context.Context, version int64, to State, detail string) (changed bool, err error)
	// Connect records an account and its tokens. Another account than before is
	// adopted, if that is wanted: nothing that is known of the one before counts
	// any more, but for what people decided. The errors that it types are
	// *AccountTakenError and *OtherAccountError.
	Connect(ctx context.Context, c Connection, tokens Sealed, adopt bool) error
	// Disconnect forgets the tokens, as somebody wants it. found is false when
	// there were none.
	Disconnect(ctx context.Context, by string) (found bool, err error)
	// SetAccount records the account that a token of the configuration leads to.
	// The errors are those of Connect.
	SetAccount(ctx context.Context, c Connection, adopt bool) error
}

// ErrSuperseded says that tokens were not saved, because others were meanwhile.
var ErrSuperseded = errors.New("the account was connected again meanwhile")

// NotConnectedError says that an association's account cannot be called until a
// person has acted.
type NotConnectedError struct {
	Association string
	State       State
	Detail      string
	Static      bool // the access token is the configuration's
}

// Remedy is what to do.
func (e *NotConnectedError) Remedy() string {
	if e.Static && e.State == OtherAccount {
		return "replace the access token that the configuration names, or adopt its account"
	}
	if e.Static {
		return "replace the access token that the configuration names, and start again"
	}
	return "run: rollcall connect --association " + e.Association
}

// Error names the state, why, and what to do.
func (e *NotConnectedError) Error() string {
	text := fmt.Sprintf("association %s is not connected (%s)", e.Association, e.State)
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text + "; " + e.Remedy()
}

// RetryError says that there is no token now, and when it is worth while to ask
// again. Until then nobody is asked. It is a net.Error, so that the client takes
// it for what it is: a failure that passes.
type RetryError struct {
	Association string
	At          time.Time
	Err         error // of the last attempt
}

// Error names the cause and the time.
func (e *RetryError) Error() string {
	return fmt.Sprintf("no token for association %s before %s: %v", e.Association, e.At.UTC().Format(time.DateTime+" MST"), e.Err)
}

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }

// Timeout is false.
func (*RetryError) Timeout() bool { return false }

// Temporary is true.
func (*RetryError) Temporary() bool { return true }

// AccountTakenError says that another association has the account.
type AccountTakenError struct {
	AccountName         string
	Source, Association string // of the other one
}

// Error names the other association.
func (e *AccountTakenError) Error() string {
	return fmt.Sprintf("account %q is connected to association %s of source %s already: two associations cannot share an account",
		e.AccountName, e.Association, e.Source)
}

// OtherAccountError says that an association was connected to another account
// before.
type OtherAccountError struct {
	Association string
	Was, Is     string // account names
	WasID, IsID string
}

// Error names both accounts.
func (e *OtherAccountError) Error() string {
	return fmt.Sprintf("association %s belongs to account %q (%s), and this is account %q (%s): nothing was changed; use the first one, or adopt the other",
		e.Association, e.Was, e.WasID, e.Is, e.IsID)
}

// Remedy is the command that adopts the account.
func (e *OtherAccountError) Remedy() string {
	return "rollcall connect --association " + e.Association + " --adopt-account " + e.IsID
}

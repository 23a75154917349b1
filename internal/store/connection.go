package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/internal/credential"
	"rollcall/internal/pause"
	"rollcall/sql"
)

// Connection reads the association's connection and tokens; see
// credential.Store.
func (a *Association) Connection(ctx context.Context) (credential.Connection, credential.Sealed, error) {
	c, sealed, err := a.connection(ctx, a.pool)
	if err != nil {
		return c, sealed, fmt.Errorf("read connection: %w", err)
	}
	return c, sealed, nil
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// locked reads a connection after it has locked its row. The lock comes first: a
// statement that waits for a lock sees the other tables as before the wait.
func (a *Association) locked(ctx context.Context, tx pgx.Tx) (credential.Connection, credential.Sealed, error) {
	_, err := tx.Exec(ctx, "select from rollcall_state.connection where source = $1 and association = $2 for update", a.source, a.id)
	if err != nil {
		return credential.Connection{}, credential.Sealed{}, err
	}
	return a.connection(ctx, tx)
}

func (a *Association) connection(ctx context.Context, q querier) (credential.Connection, credential.Sealed, error) {
	c := credential.Connection{State: credential.Disconnected}
	var sealed credential.Sealed
	var agreed *time.Time
	err := q.QueryRow(ctx, sql.Query("connection_read"), a.source, a.id).Scan(
		&c.APIKey, &c.AccountID, &c.AccountName, &c.State, &c.Detail, &c.StateSince, &c.ConnectedAt, &c.ConnectedBy, &agreed, &c.AgreedBy,
		&sealed.Access, &sealed.Refresh, &sealed.ExpiresAt, &sealed.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, sealed, nil
	}
	if agreed != nil {
		c.AgreedAt = *agreed
	}
	return c, sealed, err
}

// lockedTokens is a credential.Locked: a transaction that holds the row.
type lockedTokens struct {
	a      *Association
	tx     pgx.Tx
	sealed credential.Sealed
	state  credential.State
}

// Current are the tokens under the lock; see credential.Locked.
func (l *lockedTokens) Current() (credential.Sealed, credential.State) { return l.sealed, l.state }

// Save commits a new pair; see credential.Locked. When the transaction cannot, be
// it that the connection was lost, it goes on without it: the version keeps that
// from doing harm.
func (l *lockedTokens) Save(ctx context.Context, next credential.Sealed) error {
	err := l.a.writeTokens(ctx, l.tx, l.sealed.Version, next)
	if err == nil {
		err = l.tx.Commit(ctx)
	}
	if err == nil || errors.Is(err, credential.ErrSuperseded) {
		return err
	}
	_ = l.tx.Rollback(ctx)
	for {
		again := l.a.SaveTokens(ctx, l.sealed.Version, next)
		if again == nil || errors.Is(again, credential.ErrSuperseded) {
			return again
		}
		if waitErr := pause.For(ctx, saveAgain); waitErr != nil {
			return errors.Join(err, again)
		}
	}
}

const (
	saveAgain = 500 * time.Millisecond
	// How long a refresh may hold its lock: two requests of half a minute, and
	// saving. Others wait a little longer than one request.
	lockedIdle = "120s"
	lockedWait = "45s"
)

// LockTokens works under the lock of the association's tokens; see
// credential.Store. It is the one transaction that is open during a request: what
// it locks is used by nothing else.
func (a *Association) LockTokens(ctx context.Context, work func(context.Context, credential.Locked) error) error {
	tx, err := a.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("lock tokens: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after the commit
	_, err = tx.Exec(ctx, "set local idle_in_transaction_session_timeout = '"+lockedIdle+"'; set local lock_timeout = '"+lockedWait+"'")
	if err != nil {
		return fmt.Errorf("lock tokens: %w", err)
	}
	// The row of the connection is the lock. Connecting takes it too.
	c, sealed, err := a.locked(ctx, tx)
	if err != nil {
		return fmt.Errorf("lock tokens: %w", err)
	}
	return work(ctx, &lockedTokens{a, tx, sealed, c.State})
}

// SaveTokens saves a pair that was refreshed; see credential.Store.
func (a *Association) SaveTokens(ctx context.Context, before int64, next credential.Sealed) error {
	return a.begin(ctx, "save tokens", func(tx pgx.Tx) error { return a.writeTokens(ctx, tx, before, next) })
}

// writeTokens replaces a pair. One that is there already was saved by a commit
// whose answer was lost.
func (a *Association) writeTokens(ctx context.Context, tx pgx.Tx, before int64, next credential.Sealed) error {
	tag, err := tx.Exec(ctx, sql.Query("connection_tokens"), a.source, a.id, before, next.Access, next.Refresh, next.ExpiresAt, next.Version, a.now())
	if err != nil {
		return err
	}
	if tag.RowsAffected() == 0 {
		return credential.ErrSuperseded
	}
	return nil
}

// SetConnection changes the state of the connection; see credential.Store.
func (a *Association) SetConnection(ctx context.Context, version int64, to credential.State, detail string) (changed bool, err error) {
	rows, err := a.write(ctx, "record connection", sql.Query("connection_state"), a.source, a.id, version, string(to), detail, a.now())
	return rows > 0, err
}

// Connect records an account and its tokens; see credential.Store.
func (a *Association) Connect(ctx context.Context, c credential.Connection, tokens credential.Sealed, adopt bool) error {
	return a.account(ctx, c, adopt, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql.Query("connection_connect"), a.source, a.id, tokens.Access, tokens.Refresh, tokens.ExpiresAt, a.now())
		if err != nil {
			return err
		}
		return a.record(ctx, tx, c.ConnectedBy, Act{
			What: ActConnect, Subjects: []string{subject("account", c.AccountID)}, Detail: "API key " + c.APIKey + "; " + c.AgreedBy + " confirmed that members agreed to be mailed",
		})
	})
}

// SetAccount records the account of a token of the configuration; see
// credential.Store. Another account than before ends the connection.
func (a *Association) SetAccount(ctx context.Context, c credential.Connection, adopt bool) error {
	err := a.account(ctx, c, adopt, func(pgx.Tx) error { return nil })
	other, ok := errors.AsType[*credential.OtherAccountError](err)
	if !ok {
		return err
	}
	_, stateErr := a.SetConnection(ctx, 0, credential.OtherAccount, other.Error())
	return errors.Join(err, stateErr)
}

// account records a connection unless it is another association's account, or
// another one than before that is not to be adopted.
func (a *Association) account(ctx context.Context, c credential.Connection, adopt bool, more func(pgx.Tx) error) error {
	return a.begin(ctx, "record connection", func(tx pgx.Tx) error {
		was, _, err := a.locked(ctx, tx)
		if err != nil {
			return err
		}
		other := was.AccountID != "" && was.AccountID != c.AccountID
		if other && !adopt {
			return &credential.OtherAccountError{Association: a.id, Was: was.AccountName, WasID: was.AccountID, Is: c.AccountName, IsID: c.AccountID}
		}
		var agreed *time.Time
		if !c.AgreedAt.IsZero() {
			agreed = &c.AgreedAt
		}
		_, err = tx.Exec(ctx, "savepoint account")
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sql.Query("connection_account"), a.source, a.id, c.APIKey, c.AccountID, c.AccountName, c.StateSince, c.ConnectedAt, c.ConnectedBy, agreed, c.AgreedBy)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.ConstraintName == "connection_account" {
			return a.taken(ctx, tx, c)
		}
		if err != nil {
			return err
		}
		if other {
			if err := a.adopt(ctx, tx, was, c); err != nil {
				return err
			}
		}
		return more(tx)
	})
}

// taken names the association that has an account.
func (a *Association) taken(ctx context.Context, tx pgx.Tx, c credential.Connection) error {
	if _, err := tx.Exec(ctx, "rollback to savepoint account"); err != nil {
		return err
	}
	taken := &credential.AccountTakenError{AccountName: c.AccountName}
	err := tx.QueryRow(ctx, "select source, association from rollcall_state.connection where account_id = $1 and state <> 'disconnected'",
		c.AccountID).Scan(&taken.Source, &taken.Association)
	if err != nil {
		return err
	}
	return taken
}

// Disconnect forgets the association's tokens; see credential.Store. The account
// stays on record, so that another one is noticed, and so does the version, so
// that no refresh is saved that began before.
func (a *Association) Disconnect(ctx context.Context, by string) (found bool, err error) {
	err = a.begin(ctx, "disconnect", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `update rollcall_state.connection set state = 'disconnected', detail = $3, state_since = $4
			where source = $1 and association = $2 and state <> 'disconnected'`, a.source, a.id, "disconnected by "+by, a.now())
		found = tag.RowsAffected() > 0
		if err != nil || !found {
			return err
		}
		_, err = tx.Exec(ctx, `update rollcall_state.token set access = '', refresh = '', version = version + 1
			where source = $1 and association = $2`, a.source, a.id)
		if err != nil {
			return err
		}
		return a.record(ctx, tx, by, Act{What: ActDisconnect})
	})
	return found, err
}

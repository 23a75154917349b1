package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sql"
)

// ListRow is a list of ours with what the ledger has of it.
type ListRow struct {
	Key         mapper.ListKey
	Kind        mapper.ListKind
	Ref         string
	Name        string // as bound in Constant Contact
	ListID      string // of a list that is bound, retired or missing
	State       mapper.ListState
	Existed     bool // was there before us
	Looked      bool // a list that existed was looked at
	KeepForeign bool
	BoundAt     time.Time
	On          int // people on it as far as is known
	Left        int // people who left it
	Questions   int // that wait for an answer
}

// ListRows reads the association's lists for a person to look at.
func (a *Association) ListRows(ctx context.Context) ([]ListRow, error) {
	rows, err := a.pool.Query(ctx, sql.Query("inspect_lists"), a.source, a.id, a.now())
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	lists, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ListRow])
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	return lists, nil
}

// ErrNoList says that an association has no such list.
var ErrNoList = errors.New("the association has no such list")

// ListStateError says that an answer does not fit a list as it is now.
type ListStateError struct {
	List  mapper.ListKey
	State mapper.ListState
	Wants []mapper.ListState
}

// Error names the state.
func (e *ListStateError) Error() string {
	return fmt.Sprintf("list %s is %s, and this is for one that is %s", e.List, e.State, words(e.Wants))
}

func words(states []mapper.ListState) string {
	text := ""
	for i, s := range states {
		switch {
		case i == 0:
		case i == len(states)-1:
			text += " or "
		default:
			text += ", "
		}
		text += string(s)
	}
	return text
}

// ListTakenError says that a Constant Contact list is bound already.
type ListTakenError struct{ By mapper.ListKey }

// Error names the list of ours.
func (e *ListTakenError) Error() string {
	if e.By == "" {
		return "that list is bound to another of ours already"
	}
	return fmt.Sprintf("that list is bound to %s already", e.By)
}

// The states for which there are answers.
var (
	mayRecreate  = []mapper.ListState{mapper.ListMissing, mapper.ListOff}
	mayBind      = []mapper.ListState{mapper.ListMissing, mapper.ListAmbiguous, mapper.ListNoRoom, mapper.ListOff}
	maySwitchOff = []mapper.ListState{mapper.ListMissing, mapper.ListAmbiguous, mapper.ListNoRoom}
)

// RecreateList has a missing list, or one that is switched off, made again: found
// by its name or created, as if there had been none. Departures stay. The errors
// that it types are ErrNoList and *ListStateError.
func (a *Association) RecreateList(ctx context.Context, key mapper.ListKey, by string) error {
	return a.begin(ctx, "create list again", func(tx pgx.Tx) error {
		was, err := a.lockList(ctx, tx, key, mayRecreate)
		if err != nil {
			return err
		}
		if err := a.voidLists(ctx, tx, []mapper.ListKey{key}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from rollcall_state.list where source = $1 and association = $2 and key = $3", a.source, a.id, string(key)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("lists_touch"), a.source, a.id, a.now()); err != nil {
			return err
		}
		return a.record(ctx, tx, by, Act{What: ActListRecreate, Subjects: []string{subject("list", key)}, Detail: "it was " + string(was)})
	})
}

// SwitchOffList leaves a list alone until an operator has it made again or binds
// another: one that is missing, or that could not be bound. The errors are those of
// RecreateList.
func (a *Association) SwitchOffList(ctx context.Context, key mapper.ListKey, by string) error {
	return a.begin(ctx, "switch list off", func(tx pgx.Tx) error {
		was, err := a.lockList(ctx, tx, key, maySwitchOff)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "update rollcall_state.list set state = $4 where source = $1 and association = $2 and key = $3",
			a.source, a.id, string(key), string(mapper.ListOff))
		if err != nil {
			return err
		}
		return a.record(ctx, tx, by, Act{What: ActListSwitchOff, Subjects: []string{subject("list", key)}, Detail: "it was " + string(was)})
	})
}

// MayBind says whether BindList has a chance: the errors are the same, except for
// what the account knows.
func (a *Association) MayBind(ctx context.Context, key mapper.ListKey) error {
	return a.begin(ctx, "bind list", func(tx pgx.Tx) error {
		_, err := a.lockList(ctx, tx, key, mayBind)
		return err
	})
}

// BindList binds a list of ours to one of the account, as one that existed
// before, and ends the request that asked for it. Departures stay. The errors that
// it types are ErrNoList, *ListStateError and *ListTakenError.
func (a *Association) BindList(ctx context.Context, key mapper.ListKey, to sink.AccountList, request int64) error {
	return a.begin(ctx, "bind list", func(tx pgx.Tx) error {
		if _, err := a.lockList(ctx, tx, key, mayBind); err != nil {
			return err
		}
		if err := a.voidLists(ctx, tx, []mapper.ListKey{key}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update rollcall_state.list
			set list_id = $4, name = $5, state = 'bound', existed = true, looked_at = null, keep_foreign = true, bound_at = $6, rename_not_before = null
			where source = $1 and association = $2 and key = $3`, a.source, a.id, string(key), to.ID, to.Name, a.now())
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "23505" {
			return &ListTakenError{}
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("reconcile_enqueue"), a.source, a.id, []string{""}, a.now()); err != nil {
			return err
		}
		return a.setRequest(ctx, tx, request, "done", Answer{List: string(key)})
	})
}

// lockList returns a list's state, which has to be one of those, and keeps it as
// it is until the transaction ends.
func (a *Association) lockList(ctx context.Context, tx pgx.Tx, key mapper.ListKey, want []mapper.ListState) (state mapper.ListState, err error) {
	err = tx.QueryRow(ctx, "select state from rollcall_state.list where source = $1 and association = $2 and key = $3 for update",
		a.source, a.id, string(key)).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", ErrNoList
	}
	if err == nil && !slices.Contains(want, state) {
		return state, &ListStateError{List: key, State: state, Wants: want}
	}
	return state, err
}

// voidLists forgets what was known of the pairs of lists, and what was asked about
// taking people off them. No keys at all, which is nil, means all lists.
func (a *Association) voidLists(ctx context.Context, tx pgx.Tx, keys []mapper.ListKey) error {
	var list []string
	if keys != nil {
		list = keyStrings(keys)
	}
	for _, name := range []string{"lists_void", "lists_withdraw"} {
		if _, err := tx.Exec(ctx, sql.Query(name), a.source, a.id, list, a.now()); err != nil {
			return err
		}
	}
	return nil
}

// SetForeign chooses whether people whom no row ever put there stay on a list of
// everybody or of a type. Without the list the error is ErrNoList.
func (a *Association) SetForeign(ctx context.Context, key mapper.ListKey, keep bool, by string) error {
	return a.begin(ctx, "choose about foreign people", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "update rollcall_state.list set keep_foreign = $4 where source = $1 and association = $2 and key = $3", a.source, a.id, string(key), keep)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNoList
		}
		detail := "remove"
		if keep {
			detail = "keep"
		}
		return a.record(ctx, tx, by, Act{What: ActListForeign, Subjects: []string{subject("list", key)}, Detail: detail})
	})
}

// ApproveRemovals records that a person saw these removals from a list and wants
// them, and has these people planned again. They are a ceiling: nobody else goes.
func (a *Association) ApproveRemovals(ctx context.Context, list mapper.ListKey, removals []AskedPair, by string) (approval int64, err error) {
	err = a.begin(ctx, "record approved removals", func(tx pgx.Tx) error {
		approval, err = a.approve(ctx, tx, list, removals, "Shown and approved as left behind.", by)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("reconcile_enqueue"), a.source, a.id, addressesOf(removals), a.now()); err != nil {
			return err
		}
		return a.record(ctx, tx, by, Act{
			What: ActListRemoveLeft, Subjects: []string{subject("list", list), subject("question", approval)},
			Detail: fmt.Sprintf("%d removals shown and approved", len(removals)),
		})
	})
	return approval, err
}

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/credential"
	"rollcall/sql"
)

// adopt makes an association's state one about another account than before: all
// ids of the account that it leaves are void, what was told and confirmed and seen
// there counts no more, and its lists are looked for anew, as on a first run. What
// people decided is kept by address: departures, and who unsubscribed, was deleted
// or is held back. It is part of the transaction that records the new account.
func (a *Association) adopt(ctx context.Context, tx pgx.Tx, was, is credential.Connection) error {
	kept, err := tx.Exec(ctx, sql.Query("account_keep"), a.source, a.id)
	if err != nil {
		return err
	}
	if err := a.voidLists(ctx, tx, nil); err != nil { // looks at what is known of contacts
		return err
	}
	for _, statement := range []struct {
		text string
		args []any
	}{
		{sql.Query("account_void"), nil},
		{sql.Query("account_calls"), []any{a.now()}},
		{sql.Query("account_lists"), nil},
		{sql.Query("account_changes"), nil},
		{sql.Query("changes_finish"), []any{a.now()}},
		{"delete from rollcall_state.list where source = $1 and association = $2", nil},
		{"delete from rollcall_state.pulled where source = $1 and association = $2", nil},
		{`update rollcall_state.run set state = 'failed', detail = 'the association has another account', ended_at = $3
			where source = $1 and association = $2 and state = 'running'`, []any{a.now()}},
		// The next sweep takes in everybody who ever unsubscribed there, and the
		// whole account is read.
		{"update rollcall_state.due set at = least(at, $3), done_for = '' where source = $1 and association = $2 and what = 'sweep'", []any{a.now()}},
		{"update rollcall_state.due set at = least(at, $3) where source = $1 and association = $2 and what = 'reconcile'", []any{a.now()}},
		{"update rollcall_state.dirty set exact = '{}', run = null where source = $1 and association = $2", nil},
		{sql.Query("lists_touch"), []any{a.now()}},
	} {
		if _, err := tx.Exec(ctx, statement.text, append([]any{a.source, a.id}, statement.args...)...); err != nil {
			return err
		}
	}
	var departures int
	err = tx.QueryRow(ctx, "select count(*)::int from rollcall_state.ledger where source = $1 and association = $2 and departed_at is not null",
		a.source, a.id).Scan(&departures)
	if err != nil {
		return err
	}
	return a.record(ctx, tx, is.ConnectedBy, Act{
		What: ActAdoptAccount, Subjects: []string{subject("account", is.AccountID), subject("account", was.AccountID)},
		Detail: fmt.Sprintf("in place of the account before; carried over: %d departures, %d who unsubscribed, were deleted or are on hold",
			departures, kept.RowsAffected()),
	})
}

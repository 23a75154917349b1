package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sql"
)

// SetListState records what became of a bound list in Constant Contact, with
// the name that it has there. One that an operator has switched off meanwhile
// stays off.
func (a *Association) SetListState(ctx context.Context, key mapper.ListKey, state mapper.ListState, name string) error {
	return a.setList(ctx, `update rollcall_state.list set state = $4, name = $5
		where source = $1 and association = $2 and key = $3 and state <> 'off'`, key, string(state), name)
}

// SetTypeID records the database's id of a type's list.
func (a *Association) SetTypeID(ctx context.Context, key mapper.ListKey, id string) error {
	return a.setList(ctx, `update rollcall_state.list set type_id = $4 where source = $1 and association = $2 and key = $3`, key, id)
}

// ReleaseList forgets a binding. The list and the ledger of it stay: whoever
// binds the list next finds one that existed.
func (a *Association) ReleaseList(ctx context.Context, key mapper.ListKey) error {
	return a.setList(ctx, `delete from rollcall_state.list where source = $1 and association = $2 and key = $3`, key)
}

// Renamed records the name that a list was given. Without following it is one
// on the way to the name that the source has.
func (a *Association) Renamed(ctx context.Context, key mapper.ListKey, name string, following bool) error {
	return a.setList(ctx, `update rollcall_state.list
		set name = $4, source_name = case when $5 then $4 else source_name end, rename_not_before = null
		where source = $1 and association = $2 and key = $3`, key, name, following)
}

// PutOffRename keeps a list's name as it is until the time.
func (a *Association) PutOffRename(ctx context.Context, key mapper.ListKey, until time.Time) error {
	return a.setList(ctx, `update rollcall_state.list set rename_not_before = $4 where source = $1 and association = $2 and key = $3`, key, until)
}

func (a *Association) setList(ctx context.Context, statement string, key mapper.ListKey, args ...any) error {
	_, err := a.write(ctx, "record list "+string(key), statement, append([]any{a.source, a.id, string(key)}, args...)...)
	return err
}

// RenamesPutOff are the lists whose renaming was refused and is not tried yet.
func (a *Association) RenamesPutOff(ctx context.Context) (map[mapper.ListKey]bool, error) {
	rows, err := a.pool.Query(ctx, `select key from rollcall_state.list
		where source = $1 and association = $2 and rename_not_before > $3`, a.source, a.id, a.now())
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[mapper.ListKey])
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	off := map[mapper.ListKey]bool{}
	for _, key := range keys {
		off[key] = true
	}
	return off, nil
}

// UnmanagedLists are the ids of the lists that mirror nothing and that people were
// carried to, or are to be.
func (a *Association) UnmanagedLists(ctx context.Context) ([]string, error) {
	rows, err := a.pool.Query(ctx, sql.Query("lists_unmanaged"), a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	return ids, nil
}

// ForgetUnmanaged records that such lists are gone in Constant Contact. Nobody left
// them, and nobody is put on them any more.
func (a *Association) ForgetUnmanaged(ctx context.Context, listIDs []string) error {
	keys := make([]string, len(listIDs))
	for i, id := range listIDs {
		keys[i] = string(mapper.UnmanagedKey(id))
	}
	return a.begin(ctx, "forget lists", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql.Query("lists_forget"), a.source, a.id, keys, a.now()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql.Query("changes_finish"), a.source, a.id, a.now())
		return err
	})
}

// rekeyed are the statements that give a list another key.
var rekeyed = []string{
	`update rollcall_state.list set key = $4, ref = $5 where source = $1 and association = $2 and key = $3`,
	`delete from rollcall_state.ledger l using rollcall_state.ledger o
		where l.source = $1 and l.association = $2 and l.list = $4
		  and o.source = $1 and o.association = $2 and o.list = $3 and o.address = l.address`,
	`update rollcall_state.ledger set list = $4 where source = $1 and association = $2 and list = $3`,
	`update rollcall_state.intent i set list = $4 from rollcall_state.activity a
		where a.id = i.activity and a.source = $1 and a.association = $2 and i.list = $3`,
	`update rollcall_state.approval set list = $4 where source = $1 and association = $2 and list = $3`,
	`update rollcall_state.approval_pair set list = $4 where source = $1 and association = $2 and list = $3`,
	`update rollcall_state.run set lists = array_replace(lists, $3, $4) where source = $1 and association = $2 and $3 = any(lists)`,
	`update rollcall_state.dirty set exact = array_replace(exact, $3, $4), version = version + 1
		where source = $1 and association = $2 and $3 = any(exact)`,
	`update rollcall_state.previous_allowed_list a set list = $4
		where a.source = $1 and a.association = $2 and a.list = $3
		  and not exists (select from rollcall_state.previous_allowed_list o
		                  where o.source = $1 and o.association = $2 and o.rep = a.rep and o.address = a.address and o.list = $4)`,
	`update rollcall_state.erased set list = $4 where source = $1 and association = $2 and list = $3`,
}

// FollowType gives a membership type's list, with all that is known of it, the
// key of the type's new name. It is not done where that has a list of its own
// already.
func (a *Association) FollowType(ctx context.Context, from, to mapper.ListKey, ref string) (followed bool, err error) {
	err = a.begin(ctx, "follow renamed type", func(tx pgx.Tx) error {
		var taken bool
		err := tx.QueryRow(ctx, `select exists (select from rollcall_state.list where source = $1 and association = $2 and key = $3)`,
			a.source, a.id, string(to)).Scan(&taken)
		if err != nil || taken {
			return err
		}
		for _, statement := range rekeyed {
			args := []any{a.source, a.id, string(from), string(to)}
			if statement == rekeyed[0] {
				args = append(args, ref)
			}
			if _, err := tx.Exec(ctx, statement, args...); err != nil {
				return err
			}
		}
		followed = true
		// The list itself is renamed next.
		_, err = tx.Exec(ctx, sql.Query("reconcile_enqueue"), a.source, a.id, []string{""}, a.now())
		return err
	})
	return followed, err
}

// Looked ends the first look at lists, with the questions that it leads to, and
// has everybody planned again.
func (a *Association) Looked(ctx context.Context, run int64, lists []mapper.ListKey, questions []Question) (queued int, err error) {
	err = a.begin(ctx, "record first look", func(tx pgx.Tx) error {
		for _, q := range questions {
			if err := a.ask(ctx, tx, q); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `update rollcall_state.list set looked_at = $4 where source = $1 and association = $2 and key = any($3)`,
			a.source, a.id, keyStrings(lists), a.now())
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql.Query("runs_queue"), a.source, a.id, run, a.now(), []string{}, "", []string{}, false, "")
		if err != nil {
			return err
		}
		queued = int(tag.RowsAffected())
		if _, err := tx.Exec(ctx, "update rollcall_state.run set lists = $2 where id = $1", run, keyStrings(lists)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sql.Query("runs_count"), run, countQueued, "", queued)
		return err
	})
	failpoint.Hit(failpoint.LookRecorded)
	return queued, err
}

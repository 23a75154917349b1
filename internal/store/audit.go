package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/sql"
)

// Action is what an operator did, in one word.
type Action string

// The actions of operators. Those that ask the running program for something are
// in the audit log twice: when they are asked for, and with how they ended.
const (
	ActConnect    Action = "connect"
	ActDisconnect Action = "disconnect"
	// Another account in place of the one before.
	ActAdoptAccount Action = "adopt_account"
	// Another database in place of the one before.
	ActAdoptDatabase Action = "adopt_database"
	ActApprove       Action = "approve"
	ActReject        Action = "reject"
	// Answers about one list.
	ActListRecreate   Action = "list_recreate"
	ActListSwitchOff  Action = "list_switch_off"
	ActListForeign    Action = "list_foreign"
	ActListRemoveLeft Action = "list_remove_left"
	// Users of the console.
	ActUserAdd      Action = "user_add"
	ActUserRole     Action = "user_role"
	ActUserPassword Action = "user_password"
	ActUserRemove   Action = "user_remove"
	// Asked for; the words of RequestContent.Ask.
	ActSyncNow   Action = "sync_now"
	ActReconcile Action = "reconcile"
	ActAllowBack Action = "allow_back"
	ActRetry     Action = "retry"
	ActListBind  Action = "list_bind"
	ActLook      Action = "look"
	// In the member database.
	ActTick    Action = "tick_groups"
	ActOptions Action = "set_options"
	// Member data that left the console as a file.
	ActExport Action = "export"
)

// Act is one act of an operator.
type Act struct {
	What     Action
	Subjects []string // ids, each with what it is the id of; never member data
	Detail   string   // one sentence without member data
}

// subject is the id of something that an act is about.
func subject[T any](kind string, id T) string { return fmt.Sprintf("%s:%v", kind, id) }

// record writes an act into the audit log, in the transaction of what it changes.
func (a *Association) record(ctx context.Context, tx pgx.Tx, who string, act Act) error {
	if act.Subjects == nil {
		act.Subjects = []string{}
	}
	_, err := tx.Exec(ctx, `insert into rollcall_state.audit (source, at, who, association, what, subjects, detail) values ($1, $2, $3, $4, $5, $6, $7)`,
		a.source, a.now(), who, a.id, string(act.What), act.Subjects, act.Detail)
	return err
}

// Record writes an act that changed nothing here into the audit log.
func (a *Association) Record(ctx context.Context, who string, act Act) error {
	return a.begin(ctx, "record act", func(tx pgx.Tx) error { return a.record(ctx, tx, who, act) })
}

// AuditRow is one act as it is on record.
type AuditRow struct {
	ID          int64
	At          time.Time
	Who         string
	Association string // empty: concerns the source
	What        Action
	Subjects    []string
	Detail      string
}

// Audit reads at most limit acts, the newest first: of an association, or of all
// where it is empty. With before only those of lower number; 0 for the newest.
func (s *Store) Audit(ctx context.Context, association string, before int64, limit int) ([]AuditRow, error) {
	rows, err := s.pool.Query(ctx, sql.Query("inspect_audit"), s.source, association, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	acts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditRow])
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	return acts, nil
}

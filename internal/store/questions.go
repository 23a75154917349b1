package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// Question reads one question of the association, without its people. Without it
// the error is ErrNoApproval.
func (a *Association) Question(ctx context.Context, id int64) (ApprovalRow, error) {
	if id <= 0 {
		return ApprovalRow{}, ErrNoApproval
	}
	rows, err := a.approvals(ctx, a.id, false, id)
	if err != nil {
		return ApprovalRow{}, err
	}
	if len(rows) == 0 {
		return ApprovalRow{}, ErrNoApproval
	}
	return rows[0], nil
}

// HeldLists are the lists about which a question waits; the empty key stands for
// the whole association.
func (a *Association) HeldLists(ctx context.Context) (map[mapper.ListKey]bool, error) {
	rows, err := a.pool.Query(ctx, `select distinct list from rollcall_state.approval
		where source = $1 and association = $2 and state = 'waiting' and (expires_at is null or expires_at > $3)`, a.source, a.id, a.now())
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[mapper.ListKey])
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	held := map[mapper.ListKey]bool{}
	for _, key := range keys {
		held[key] = true
	}
	return held, nil
}

// RecentApprovals reads the last questions of the association, answered ones
// included, the newest first.
func (a *Association) RecentApprovals(ctx context.Context, limit int) ([]ApprovalRow, error) {
	rows, err := a.pool.Query(ctx, sql.Query("questions_recent"), a.source, a.id, a.now(), limit)
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ApprovalRow])
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	return found, nil
}

// PairPlace is a place in the order of a question's operations; the zero one is
// before the first.
type PairPlace struct {
	List    mapper.ListKey
	Address mapper.Address
	Op      string
}

// QuestionPairs reads, in order, at most limit operations of a question behind a
// place.
func (a *Association) QuestionPairs(ctx context.Context, id int64, after PairPlace, limit int) ([]ApprovalPair, error) {
	rows, err := a.pool.Query(ctx, sql.Query("questions_pairs"), id, a.source, a.id, string(after.List), string(after.Address), after.Op, limit)
	if err != nil {
		return nil, fmt.Errorf("read people of question: %w", err)
	}
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ApprovalPair])
	if err != nil {
		return nil, fmt.Errorf("read people of question: %w", err)
	}
	return pairs, nil
}

// DecideUpTo approves the first so many open operations of a question, in the
// order of QuestionPairs. The others wait in a question of their own, as long as
// this one would have.
func (a *Association) DecideUpTo(ctx context.Context, id int64, most int, by string) error {
	return a.begin(ctx, "decide question", func(tx pgx.Tx) error {
		var list string
		var kind mapper.HoldKind
		var detail string
		var asked time.Time
		var expires *time.Time
		err := tx.QueryRow(ctx, `select list, kind, detail, asked_at, expires_at from rollcall_state.approval
			where source = $1 and association = $2 and id = $3 and state = 'waiting' and (expires_at is null or expires_at > $4) for update`,
			a.source, a.id, id, a.now()).Scan(&list, &kind, &detail, &asked, &expires)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotWaiting
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update rollcall_state.approval set state = 'approved', decided_at = $2, decided_by = $3, expires_at = $4 where id = $1`,
			id, a.now(), by, a.expiry(kind))
		if err != nil {
			return err
		}
		var rest int64
		err = tx.QueryRow(ctx, `insert into rollcall_state.approval (source, association, list, kind, state, detail, asked_at, expires_at)
			values ($1, $2, $3, $4, 'waiting', $5, $6, $7) returning id`, a.source, a.id, list, string(kind), detail, asked, expires).Scan(&rest)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sql.Query("questions_split"), id, rest, most)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 { // all of them were approved
			if _, err := tx.Exec(ctx, "delete from rollcall_state.approval where id = $1", rest); err != nil {
				return err
			}
		}
		if err := a.follow(ctx, tx, id, kind, true); err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, sql.Query("holds_touch"), id, a.now()); err != nil {
			return err
		}
		act := Act{What: ActApprove, Subjects: []string{subject("question", id)}, Detail: fmt.Sprintf("%s, people: at most %d", kind, most)}
		if list != "" {
			act.Subjects = append(act.Subjects, subject("list", list))
		}
		return a.record(ctx, tx, by, act)
	})
}

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sql"
)

// Request is what somebody asked for by SQL.
type Request struct {
	ID      int64
	Content RequestContent
	XID     uint64 // zero: visible
	AskedAt time.Time
	State   string // pending or running
	AskedBy string // sql, or the name that a command gave
	Command bool   // asked by a command: what it removes was shown and approved
	Run     int64  // that works on it, 0 before
}

// RequestContent is the content of a logical message with our prefix.
type RequestContent struct {
	Version     int     `json:"v"`
	Ask         string  `json:"ask"` // sync_now or touch; by a command or the console also reconcile, allow_back, retry, look and list_bind
	Group       string  `json:"group,omitempty"`
	Association *string `json:"association,omitempty"`
	Kind        string  `json:"kind,omitempty"`    // touch
	Key         string  `json:"key,omitempty"`     // touch
	Address     string  `json:"address,omitempty"` // allow_back, retry and look
	List        string  `json:"list,omitempty"`    // allow_back: a list's key; empty: every list. list_bind: that list's
	To          string  `json:"to,omitempty"`      // list_bind: id or name of a list of the account
}

// Answer is how a request ended.
type Answer struct {
	Reason mapper.Reason `json:"reason,omitempty"` // of a refusal
	Detail string        `json:"detail,omitempty"` // what to do, without member data
	List   string        `json:"list,omitempty"`
	OnList int           `json:"on_list"` // people shown on the list when the request was taken up
	Queued int           `json:"queued"`  // addresses checked
	Run    int64         `json:"run,omitempty"`
}

// Requests reads the requests that are not answered, the oldest first.
func (s *Store) Requests(ctx context.Context) ([]Request, error) {
	rows, err := s.pool.Query(ctx, `select id, content, coalesce(xid::text::bigint, 0), asked_at, state, asked_by, lsn is null,
		       coalesce((answer->>'run')::bigint, 0)
		from rollcall_state.request where source = $1 and state in ('pending', 'running') order by id`, s.source)
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	requests, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Request])
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	return requests, nil
}

// WithWork returns those of some associations that have something to do now.
func (s *Store) WithWork(ctx context.Context, associations []string) ([]string, error) {
	rows, err := s.pool.Query(ctx, sql.Query("queue_look"), s.source, associations, s.now())
	if err != nil {
		return nil, fmt.Errorf("look for work: %w", err)
	}
	working, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for work: %w", err)
	}
	return working, nil
}

// SetRequest records how far a request is: running, done or refused.
func (s *Store) SetRequest(ctx context.Context, id int64, state string, answer Answer) error {
	err := s.begin(ctx, "record request", func(tx pgx.Tx) error { return s.setRequest(ctx, tx, id, state, answer) })
	failpoint.Hit(failpoint.RequestRecorded)
	return err
}

// setRequest records how far a request is, and its end in the audit log too.
func (s *Store) setRequest(ctx context.Context, tx pgx.Tx, id int64, state string, answer Answer) error {
	if state == "running" {
		_, err := tx.Exec(ctx, "update rollcall_state.request set state = $2, answer = $3 where id = $1", id, state, answer)
		return err
	}
	var content RequestContent
	var by string
	err := tx.QueryRow(ctx, "update rollcall_state.request set state = $2, answer = $3, ended_at = $4 where id = $1 returning content, asked_by",
		id, state, answer, s.now()).Scan(&content, &by)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // forgotten meanwhile
	}
	if err != nil {
		return err
	}
	association := ""
	if content.Association != nil {
		association = *content.Association
	}
	act := Act{What: Action(content.Ask), Subjects: []string{subject("request", id)}, Detail: state}
	if answer.Reason != "" {
		act.Detail += ": " + string(answer.Reason)
	}
	return s.Association(association).record(ctx, tx, by, act)
}

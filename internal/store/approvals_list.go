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

// ApprovalRow is one question to a person.
type ApprovalRow struct {
	ID          int64
	Association string
	List        mapper.ListKey // empty: concerns the whole association
	ListName    string
	Kind        mapper.HoldKind
	State       string // waiting, approved, rejected, expired or withdrawn
	Detail      string // one sentence without member data
	AskedAt     time.Time
	ExpiresAt   *time.Time // nil: never
	DecidedAt   *time.Time
	DecidedBy   string
	Pairs       int // asked about
	Open        int // of these, neither done nor withdrawn
}

// ApprovalPair is one operation of a question.
type ApprovalPair struct {
	Address  mapper.Address
	List     mapper.ListKey
	ListName string
	Op       string // add or remove
	Reason   mapper.Reason
	Rep      mapper.RepID
	Ended    string // done, withdrawn, or empty
}

// Approvals reads the questions of an association, or of all where it is
// empty, the oldest first; openOnly leaves those that wait for an answer.
func (s *Store) Approvals(ctx context.Context, association string, openOnly bool) ([]ApprovalRow, error) {
	return s.approvals(ctx, association, openOnly, 0)
}

func (s *Store) approvals(ctx context.Context, association string, openOnly bool, id int64) ([]ApprovalRow, error) {
	rows, err := s.pool.Query(ctx, sql.Query("inspect_approvals"), s.source, association, openOnly, s.now(), id)
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ApprovalRow])
	if err != nil {
		return nil, fmt.Errorf("read questions: %w", err)
	}
	return found, nil
}

// ErrNoApproval says that there is no question of that number.
var ErrNoApproval = errors.New("there is no question of that number")

// Approval reads one question with its operations. Without it the error is
// ErrNoApproval.
func (s *Store) Approval(ctx context.Context, id int64) (ApprovalRow, []ApprovalPair, error) {
	if id <= 0 {
		return ApprovalRow{}, nil, ErrNoApproval
	}
	found, err := s.approvals(ctx, "", false, id)
	if err != nil {
		return ApprovalRow{}, nil, err
	}
	if len(found) == 0 {
		return ApprovalRow{}, nil, ErrNoApproval
	}
	rows, err := s.pool.Query(ctx, sql.Query("inspect_approval_pairs"), id)
	if err != nil {
		return ApprovalRow{}, nil, fmt.Errorf("read people of question: %w", err)
	}
	pairs, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ApprovalPair])
	if err != nil {
		return ApprovalRow{}, nil, fmt.Errorf("read people of question: %w", err)
	}
	return found[0], pairs, nil
}

// ApproveSync records, in one transaction, that a person saw and approved the
// removals of one list, and the request to sync its group now. The removals are
// a ceiling: whatever else would be taken off is held as always.
func (a *Association) ApproveSync(ctx context.Context, list mapper.ListKey, removals []AskedPair, content RequestContent, by string) (approval, request int64, err error) {
	err = a.begin(ctx, "record approved sync", func(tx pgx.Tx) error {
		if len(removals) > 0 {
			approval, err = a.approve(ctx, tx, list, removals, "Shown and approved with the command sync.", by)
			if err != nil {
				return err
			}
		}
		act := Act{Detail: "asked for, nobody would be taken off but for opt-outs"}
		if approval != 0 {
			act = Act{
				Subjects: []string{subject("question", approval)},
				Detail:   fmt.Sprintf("asked for, %d removals shown and approved", len(removals)),
			}
		}
		request, err = a.request(ctx, tx, content, by, act)
		return err
	})
	return approval, request, err
}

// approve records an approval of removals that a person saw.
func (a *Association) approve(ctx context.Context, tx pgx.Tx, list mapper.ListKey, removals []AskedPair, detail, by string) (approval int64, err error) {
	err = tx.QueryRow(ctx, `insert into rollcall_state.approval
			(source, association, list, kind, state, detail, asked_at, expires_at, decided_at, decided_by)
		values ($1, $2, $3, $4, 'approved', $8, $5, $6, $5, $7) returning id`,
		a.source, a.id, string(list), string(mapper.HoldRemovals), a.now(), a.expiry(mapper.HoldRemovals), by, detail).Scan(&approval)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, sql.Query("inspect_answered"), a.source, a.id, string(list), addressesOf(removals)); err != nil {
		return 0, err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"rollcall_state", "approval_pair"},
		[]string{"approval", "source", "association", "list", "address", "op", "reason", "rep"},
		pgx.CopyFromSlice(len(removals), func(i int) ([]any, error) {
			p := removals[i]
			return []any{approval, a.source, a.id, string(list), string(p.Address), opRemove, string(p.Reason), string(p.Rep)}, nil
		}))
	return approval, err
}

func addressesOf(pairs []AskedPair) []string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = string(p.Address)
	}
	return out
}

// Request records what somebody asks for by a command. The running program
// takes it up.
func (a *Association) Request(ctx context.Context, content RequestContent, by string) (id int64, err error) {
	err = a.begin(ctx, "record request", func(tx pgx.Tx) error {
		id, err = a.request(ctx, tx, content, by, Act{Detail: "asked for"})
		return err
	})
	return id, err
}

// request records a request with the act of asking, of which the caller gives
// what is not in the content.
func (a *Association) request(ctx context.Context, tx pgx.Tx, content RequestContent, by string, act Act) (id int64, err error) {
	content.Version, content.Association = 1, &a.id
	err = tx.QueryRow(ctx, `insert into rollcall_state.request (source, content, asked_at, asked_by) values ($1, $2, $3, $4) returning id`,
		a.source, content, a.now(), by).Scan(&id)
	if err != nil {
		return 0, err
	}
	act.What = Action(content.Ask)
	act.Subjects = append(act.Subjects, subject("request", id))
	if content.Group != "" {
		act.Subjects = append(act.Subjects, subject("group", content.Group))
	}
	if content.List != "" {
		act.Subjects = append(act.Subjects, subject("list", content.List))
	}
	if content.Address != "" {
		reps, err := a.repsOf(ctx, tx, content.Address)
		if err != nil {
			return 0, err
		}
		act.Subjects = append(act.Subjects, reps...)
	}
	return id, a.record(ctx, tx, by, act)
}

// repsOf stands in the audit log for an address.
func (a *Association) repsOf(ctx context.Context, tx pgx.Tx, address string) ([]string, error) {
	rows, err := tx.Query(ctx, `select 'rep:' || rep from rollcall_state.rep_seen where source = $1 and association = $2 and address = $3 order by ord`,
		a.source, a.id, address)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// RequestState is how far a request is.
type RequestState struct {
	State  string // pending, running, done or refused
	Answer Answer
}

// RequestState reads how far a request is.
func (s *Store) RequestState(ctx context.Context, id int64) (RequestState, error) {
	var r RequestState
	var answer *Answer
	err := s.pool.QueryRow(ctx, "select state, answer from rollcall_state.request where source = $1 and id = $2", s.source, id).Scan(&r.State, &answer)
	if err != nil {
		return r, fmt.Errorf("read request: %w", err)
	}
	if answer != nil {
		r.Answer = *answer
	}
	return r, nil
}

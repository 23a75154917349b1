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

// The ops of pairs in questions and intents.
const (
	opAdd    = "add"
	opRemove = "remove"
)

func opOf(kind mapper.OpKind) string {
	if kind == mapper.InactivateFromList {
		return opRemove
	}
	return opAdd
}

// approvalLife is how long a question waits, and how long an approval is good.
const approvalLife = 24 * time.Hour

// Question asks a person about operations of one kind.
type Question struct {
	Kind   mapper.HoldKind
	List   mapper.ListKey // empty: concerns the whole association
	Detail string         // one sentence without member data
	Pairs  []AskedPair
}

// AskedPair is one operation of a question.
type AskedPair struct {
	Address mapper.Address
	List    mapper.ListKey
	Op      mapper.OpKind // AddToList or InactivateFromList
	Reason  mapper.Reason
	Rep     mapper.RepID
	Verdict mapper.Verdict // at the first look, for adoption
}

// Ask adds the pairs to the waiting question of its kind and list, or asks
// anew. What was rejected or expired before, and is still wanted, is asked
// again with it: the set has changed.
func (a *Association) Ask(ctx context.Context, q Question) error {
	return a.begin(ctx, "record question", func(tx pgx.Tx) error { return a.ask(ctx, tx, q) })
}

func (a *Association) ask(ctx context.Context, tx pgx.Tx, q Question) error {
	id, err := a.waiting(ctx, tx, q)
	if err != nil {
		return err
	}
	var lists, addresses, ops, reasons, reps, verdicts []string
	for _, p := range q.Pairs {
		lists, addresses, ops = append(lists, string(p.List)), append(addresses, string(p.Address)), append(ops, opOf(p.Op))
		reasons, reps, verdicts = append(reasons, string(p.Reason)), append(reps, string(p.Rep)), append(verdicts, string(p.Verdict))
	}
	_, err = tx.Exec(ctx, sql.Query("holds_ask"), id, a.source, a.id, lists, addresses, ops, reasons, reps, verdicts)
	return err
}

// waiting returns the waiting question of the kind and list, which it makes
// where there is none.
func (a *Association) waiting(ctx context.Context, tx pgx.Tx, q Question) (id int64, err error) {
	err = tx.QueryRow(ctx, `select id from rollcall_state.approval
		where source = $1 and association = $2 and list = $3 and kind = $4 and state = 'waiting' for update`,
		a.source, a.id, string(q.List), string(q.Kind)).Scan(&id)
	if !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	err = tx.QueryRow(ctx, `insert into rollcall_state.approval (source, association, list, kind, state, detail, asked_at, expires_at)
		values ($1, $2, $3, $4, 'waiting', $5, $6, $7) returning id`,
		a.source, a.id, string(q.List), string(q.Kind), q.Detail, a.now(), a.expiry(q.Kind)).Scan(&id)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, sql.Query("holds_again"), id)
	return id, err
}

// expiry is when a question of the kind, or the approval of one, ends by
// itself: nil for never.
func (a *Association) expiry(kind mapper.HoldKind) *time.Time {
	if kind.Adoption() || kind == mapper.HoldManyLeft {
		return nil
	}
	t := a.now().Add(approvalLife)
	return &t
}

// ErrNotWaiting says that a question was answered already, or there is none.
var ErrNotWaiting = errors.New("no question of that number waits for an answer")

// Decide answers a question and has its people planned again.
func (s *Store) Decide(ctx context.Context, id int64, approve bool, by string) error {
	return s.begin(ctx, "decide question", func(tx pgx.Tx) error {
		var association string
		var kind mapper.HoldKind
		var list mapper.ListKey
		var people int
		err := tx.QueryRow(ctx, `select association, kind, list,
				(select count(distinct p.address)::int from rollcall_state.approval_pair p where p.approval = q.id and p.ended = '')
			from rollcall_state.approval q
			where source = $1 and id = $2 and state = 'waiting' and (expires_at is null or expires_at > $3) for update`,
			s.source, id, s.now()).Scan(&association, &kind, &list, &people)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotWaiting
		}
		if err != nil {
			return err
		}
		a := s.Association(association)
		state, expires := "rejected", (*time.Time)(nil)
		act := Act{What: ActReject, Subjects: []string{subject("question", id)}, Detail: fmt.Sprintf("%s, people: %d", kind, people)}
		if approve {
			state, expires = "approved", a.expiry(kind)
			act.What = ActApprove
		}
		if list != "" {
			act.Subjects = append(act.Subjects, subject("list", list))
		}
		if _, err := tx.Exec(ctx, `update rollcall_state.approval set state = $2, decided_at = $3, decided_by = $4, expires_at = $5 where id = $1`,
			id, state, s.now(), by, expires); err != nil {
			return err
		}
		if err := a.follow(ctx, tx, id, kind, approve); err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, sql.Query("holds_touch"), id, s.now()); err != nil {
			return err
		}
		return a.record(ctx, tx, by, act)
	})
}

// follow does what an answer means besides the operations themselves.
func (a *Association) follow(ctx context.Context, tx pgx.Tx, id int64, kind mapper.HoldKind, approve bool) (err error) {
	switch {
	case kind == mapper.HoldManyLeft && approve: // staff removed them: as if never told
		_, err = tx.Exec(ctx, sql.Query("holds_put_back"), id)
	case (kind == mapper.HoldManyLeft || kind == mapper.HoldMayHaveLeft) && !approve:
		_, err = tx.Exec(ctx, sql.Query("holds_departed"), id, a.now())
	case kind == mapper.HoldSource && approve:
		err = a.believe(ctx, tx)
	case kind == mapper.HoldWentBack && approve:
		_, err = tx.Exec(ctx, `delete from rollcall_state.alarm where source = $1 and association = $2 and kind = 'went_back'`, a.source, a.id)
	}
	return err
}

// ExpireApprovals ends what has waited, or been approved, for too long.
func (s *Store) ExpireApprovals(ctx context.Context) (expired int, err error) {
	rows, err := s.write(ctx, "end questions", `update rollcall_state.approval set state = 'expired'
		where source = $1 and state in ('waiting', 'approved') and expires_at <= $2`, s.source, s.now())
	return int(rows), err
}

// ListGuards reads what mapper.Guard needs of lists. Removals at hand do not count
// as waiting.
func (a *Association) ListGuards(ctx context.Context, lists []mapper.ListKey, atHand []mapper.PairOp) (map[mapper.ListKey]mapper.ListGuard, error) {
	keys := make([]string, len(lists))
	for i, key := range lists {
		keys[i] = string(key)
	}
	addresses, from := make([]string, len(atHand)), make([]string, len(atHand))
	for i, op := range atHand {
		addresses[i], from[i] = string(op.Address), string(op.List)
	}
	rows, err := a.pool.Query(ctx, sql.Query("holds_guards"), a.source, a.id, keys, addresses, from, a.now())
	if err != nil {
		return nil, fmt.Errorf("read sizes of lists: %w", err)
	}
	guards := map[mapper.ListKey]mapper.ListGuard{}
	var key mapper.ListKey
	var g mapper.ListGuard
	_, err = pgx.ForEachRow(rows, []any{&key, &g.Base, &g.Removed, &g.Gone, &g.Waiting}, func() error { guards[key] = g; return nil })
	if err != nil {
		return nil, fmt.Errorf("read sizes of lists: %w", err)
	}
	return guards, nil
}

// OptIns counts the opt-outs that were lifted within the last hour.
func (a *Association) OptIns(ctx context.Context) (int, error) {
	var n int
	err := a.pool.QueryRow(ctx, `select count(*) from rollcall_state.opt_in
		where source = $1 and association = $2 and lifted_at > $3::timestamptz - interval '1 hour'`, a.source, a.id, a.now()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count lifted opt-outs: %w", err)
	}
	return n, nil
}

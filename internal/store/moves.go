package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/sql"
)

// Moved records how a move ended; see sink.Ledger. Both addresses are planned
// again. A move that was not done is not tried again: the new address is added
// like any other.
func (a *Association) Moved(ctx context.Context, id int64, done bool) error {
	failpoint.Hit(failpoint.MoveAnswered)
	var e ended
	err := a.begin(ctx, "record move", func(tx pgx.Tx) error {
		outcome, queries := "not done", []string{"moves_touch"}
		if done {
			outcome, queries = "done", []string{"moves_pairs", "moves_left", "moves_contact", "moves_old_contact", "moves_touch"}
		}
		_, err := tx.Exec(ctx, `update rollcall_state.activity set state = 'ended', ended_at = $2, outcome = $3 where id = $1`, id, a.now(), outcome)
		if err != nil {
			return err
		}
		for _, name := range queries {
			args := []any{id}
			if name == "moves_touch" || name == "moves_contact" {
				args = append(args, a.now())
			}
			if _, err := tx.Exec(ctx, sql.Query(name), args...); err != nil {
				return err
			}
		}
		e, err = a.readEnded(ctx, tx, id, done)
		return err
	})
	failpoint.Hit(failpoint.MoveRecorded)
	return a.tellEnded(e, err)
}

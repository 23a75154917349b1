package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sql"
)

var _ sink.Ledger = (*Association)(nil)

// Begin records a call before it is sent; see sink.Ledger.
func (a *Association) Begin(ctx context.Context, c *sink.Call, done []sink.Done) (int64, error) {
	var id int64
	now := a.now()
	err := a.begin(ctx, "record call", func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into rollcall_state.activity (source, association, kind, list_ids, people, state, created_at)
			values ($1, $2, $3, $4, $5, 'intended', $6) returning id`,
			a.source, a.id, string(c.Kind), append([]string{}, c.ListIDs...), c.People(), now).Scan(&id)
		if err != nil {
			return err
		}
		origins, err := a.origins(ctx, tx, c.Addresses)
		if err != nil {
			return err
		}
		before, err := a.before(ctx, tx, c.Addresses)
		if err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"rollcall_state", "intent"},
			[]string{
				"activity", "list", "address", "op", "reason", "rep", "fields", "again", "run", "approved", "opt_out", "exact", "from_address",
				"committed_at", "first_lsn", "last_lsn", "was",
			},
			pgx.CopyFromSlice(len(c.Intents), func(i int) ([]any, error) {
				in := c.Intents[i]
				from := origins[in.Address].columns()
				return []any{
					id, string(in.List), string(in.Address), in.Op, string(in.Reason), string(in.Rep), in.Fields, in.Again, runOrNull(in.Run),
					in.Approved, in.OptOut, in.Exact, string(in.From), from[0], from[1], from[2],
					before[pairOf{in.Address, in.List}],
				}, nil
			}))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("ledger_tell"), id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("ledger_answered"), id, a.source, a.id); err != nil {
			return err
		}
		if c.Kind.Writes() {
			if _, err := tx.Exec(ctx, sql.Query("ledger_imported"), id, now); err != nil {
				return err
			}
		}
		err = a.takeOff(ctx, tx, done)
		failpoint.Hit(failpoint.CallRecording)
		return err
	})
	if err == nil {
		failpoint.Hit(failpoint.CallRecorded)
		a.told(c)
		a.grown(ctx, len(c.Intents))
	}
	return id, err
}

// pairOf names a pair.
type pairOf struct {
	address mapper.Address
	list    mapper.ListKey
}

// before reads what the pairs of addresses are, as JSON: the way back of a call that
// is refused.
func (a *Association) before(ctx context.Context, tx pgx.Tx, addresses []mapper.Address) (map[pairOf][]byte, error) {
	rows, err := tx.Query(ctx, sql.Query("ledger_before"), a.source, a.id, addressStrings(addresses))
	if err != nil {
		return nil, fmt.Errorf("read what pairs were told: %w", err)
	}
	was := map[pairOf][]byte{}
	var of pairOf
	var text string
	if _, err := pgx.ForEachRow(rows, []any{&of.address, &of.list, &text}, func() error { was[of] = []byte(text); return nil }); err != nil {
		return nil, fmt.Errorf("read what pairs were told: %w", err)
	}
	return was, nil
}

// Sent records Constant Contact's id for a call.
func (a *Association) Sent(ctx context.Context, id int64, activityID string) error {
	failpoint.Hit(failpoint.CallAnswered)
	err := a.setActivity(ctx, `update rollcall_state.activity set state = 'sent', activity_id = $2, sent_at = $3 where id = $1`, id, activityID, a.now())
	failpoint.Hit(failpoint.CallSent)
	return err
}

// Doubt records that a call may or may not have been applied.
func (a *Association) Doubt(ctx context.Context, id int64) error {
	failpoint.Hit(failpoint.CallDoubted)
	err := a.setActivity(ctx, `update rollcall_state.activity set state = 'unknown' where id = $1`, id)
	failpoint.Hit(failpoint.DoubtRecorded)
	return err
}

func (a *Association) setActivity(ctx context.Context, statement string, args ...any) error {
	_, err := a.write(ctx, "record state of call", statement, args...)
	return err
}

// Reject records that a call was not applied; see sink.Ledger.
func (a *Association) Reject(ctx context.Context, id int64, why string, notBefore time.Time) error {
	failpoint.Hit(failpoint.CallRefused)
	var e ended
	err := a.begin(ctx, "record refused call", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update rollcall_state.activity set state = 'rejected', ended_at = $2, outcome = $3 where id = $1`, id, a.now(), why)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("holds_unused"), id, a.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("ledger_untell"), id); err != nil {
			return err
		}
		if sink.NotDone(why) {
			if _, err := tx.Exec(ctx, sql.Query("ledger_not_imported"), id); err != nil {
				return err
			}
		}
		if _, err = tx.Exec(ctx, sql.Query("ledger_requeue"), id, a.now(), notBefore, false); err != nil {
			return err
		}
		e, err = a.readEnded(ctx, tx, id, false)
		return err
	})
	failpoint.Hit(failpoint.RefusalRecorded)
	return a.tellEnded(e, err)
}

// Open returns the calls whose end is not known, the oldest first.
func (a *Association) Open(ctx context.Context) ([]sink.OpenActivity, error) {
	rows, err := a.pool.Query(ctx, `select id, kind, coalesce(activity_id, ''), people, cardinality(list_ids), created_at,
			case when kind = 'move' then list_ids[1] else '' end
		from rollcall_state.activity
		where source = $1 and association = $2 and state in ('intended', 'sent', 'unknown') order by id`, a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read open calls: %w", err)
	}
	open, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sink.OpenActivity])
	if err != nil {
		return nil, fmt.Errorf("read open calls: %w", err)
	}
	return open, nil
}

// Ours returns the ids of all activities of ours since the time.
func (a *Association) Ours(ctx context.Context, since time.Time) (map[string]bool, error) {
	rows, err := a.pool.Query(ctx, `select activity_id from rollcall_state.activity
		where source = $1 and association = $2 and created_at >= $3 and activity_id is not null`, a.source, a.id, since)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	ours := make(map[string]bool, len(ids))
	for _, id := range ids {
		ours[id] = true
	}
	return ours, nil
}

// People returns whom a call names.
func (a *Association) People(ctx context.Context, id int64) ([]mapper.Address, error) {
	rows, err := a.pool.Query(ctx, "select distinct address from rollcall_state.intent where activity = $1 order by 1", id)
	if err != nil {
		return nil, fmt.Errorf("read people of call: %w", err)
	}
	people, err := pgx.CollectRows(rows, pgx.RowTo[mapper.Address])
	if err != nil {
		return nil, fmt.Errorf("read people of call: %w", err)
	}
	return people, nil
}

// Settle records how a call ended. What was not applied is planned again.
func (a *Association) Settle(ctx context.Context, id int64, o sink.Outcome) error {
	failpoint.Hit(failpoint.CallEnded)
	var e ended
	err := a.begin(ctx, "record end of call", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `update rollcall_state.activity set state = 'ended', ended_at = $2, outcome = $3, counters = $4 where id = $1`,
			id, a.now(), o.State, o.Counters)
		if err != nil {
			return err
		}
		settle := a.readBack
		if o.Clean {
			settle = a.confirm
		}
		if err := settle(ctx, tx, id, o); err != nil {
			return err
		}
		if o.State == sink.StateLost {
			if _, err := tx.Exec(ctx, sql.Query("ledger_not_imported"), id); err != nil {
				return err
			}
		}
		e, err = a.readEnded(ctx, tx, id, o.Clean || o.Completed)
		failpoint.Hit(failpoint.CallSettling)
		return err
	})
	failpoint.Hit(failpoint.CallSettled)
	return a.tellEnded(e, err)
}

// confirm records that a call did all it should.
func (a *Association) confirm(ctx context.Context, tx pgx.Tx, id int64, _ sink.Outcome) error {
	if _, err := tx.Exec(ctx, sql.Query("ledger_confirm"), id, a.now()); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql.Query("ledger_told_fields"), id, []string{}); err != nil {
		return err
	}
	if err := a.carried(ctx, tx, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sql.Query("ledger_release"), id, a.source, a.id)
	return err
}

// carried takes what an activity added off the e-mail changes that wanted it,
// and what the addresses are on already. It ends changes that want nothing more.
func (a *Association) carried(ctx context.Context, tx pgx.Tx, id int64, addresses ...string) error {
	if _, err := tx.Exec(ctx, sql.Query("changes_carried"), a.source, a.id, id, addresses); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sql.Query("changes_finish"), a.source, a.id, a.now())
	return err
}

func runOrNull(run int64) *int64 {
	if run == 0 {
		return nil
	}
	return &run
}

// notAppliedPause is how long those people of a call wait whom Constant Contact left
// out although it completed it.
const notAppliedPause = 15 * time.Minute

// optOutPause is how long a removal for an opt-out waits at the most that failed again.
const optOutPause = time.Minute

// failedPause is how long the people of a call wait that failed in Constant Contact, as
// calls about them did before: every failure costs some of the day's calls, or of those
// that are kept for opt-outs.
func failedPause(failures int, optOut bool) time.Duration {
	most := notAppliedPause
	if optOut {
		most = optOutPause
	}
	return min(15*time.Second<<min(2*(failures-2), 10), most)
}

func (a *Association) readBack(ctx context.Context, tx pgx.Tx, id int64, o sink.Outcome) error {
	rows, err := tx.Query(ctx, `select list_id, key from rollcall_state.list where source = $1 and association = $2`, a.source, a.id)
	if err != nil {
		return err
	}
	keyOf := map[string]string{}
	var listID, key string
	if _, err := pgx.ForEachRow(rows, []any{&listID, &key}, func() error { keyOf[listID] = key; return nil }); err != nil {
		return err
	}
	var absent, onAddress, onList []string
	var contacts contactRows
	for address, s := range o.Shown {
		refused := s.State == mapper.ContactAbsent && o.Completed
		if s.State == mapper.ContactAbsent {
			absent = append(absent, string(address))
		}
		contacts.add(address, mapper.Contact{ID: s.ID, State: s.State, ReadAt: s.ReadAt, Lists: len(s.Lists)}, a.timeIf(refused))
		for list := range s.Lists {
			key, ours := keyOf[list]
			if !ours { // where an e-mail change put somebody
				key = string(mapper.UnmanagedKey(list))
			}
			onAddress, onList = append(onAddress, string(address)), append(onList, key)
		}
	}
	var batch pgx.Batch
	contacts.save(&batch, a)
	if o.Completed {
		batch.Queue(sql.Query("ledger_told_fields"), id, absent)
	}
	batch.Queue(sql.Query("ledger_read_back"), id, onAddress, onList, a.now())
	batch.Queue(sql.Query("holds_unused"), id, a.now())
	batch.Queue(sql.Query("ledger_refused"), id, a.now())
	var notBefore *time.Time
	if o.Completed {
		// Constant Contact worked through it and somebody is still missing:
		// asking again at once would only spend calls.
		t := a.now().Add(notAppliedPause)
		notBefore = &t
	} else {
		var failures int
		var optOut bool
		if err := tx.QueryRow(ctx, sql.Query("ledger_failures"), id, a.source, a.id, a.now()).Scan(&failures, &optOut); err != nil {
			return err
		}
		if failures > 1 {
			t := a.now().Add(failedPause(failures, optOut))
			notBefore = &t
		}
	}
	batch.Queue(sql.Query("ledger_requeue"), id, a.now(), notBefore, true)
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	return a.carried(ctx, tx, id)
}

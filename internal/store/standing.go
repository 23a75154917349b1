package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// Standing is how a person stands on a list; see package tally for the words.
type Standing struct {
	List   mapper.ListKey
	Who    string // an address, or what WhoRep gives
	Class  string // expected, held, left_behind or foreign
	Reason mapper.Reason
	OnList bool   // as far as is known
	Op     string // add or remove: still to be done; empty: nothing
	Rep    mapper.RepID
}

const whoRep = "rep:"

// WhoRep names a rep who has no address that can be used.
func WhoRep(id mapper.RepID) string { return whoRep + string(id) }

// Person is the address, or the rep, that Who names.
func (s Standing) Person() (mapper.Address, mapper.RepID) {
	if id, isRep := strings.CutPrefix(s.Who, whoRep); isRep {
		return "", mapper.RepID(id)
	}
	return mapper.Address(s.Who), s.Rep
}

// StandingCount is one number.
type StandingCount struct {
	List   mapper.ListKey // empty: over all lists
	What   string
	Reason mapper.Reason
	N      int
}

// Compare orders numbers by list, word and reason.
func (c StandingCount) Compare(other StandingCount) int {
	return cmp.Or(cmp.Compare(c.List, other.List), cmp.Compare(c.What, other.What), c.Reason.Compare(other.Reason), cmp.Compare(c.Reason, other.Reason))
}

// SaveStandings records how people stand on all their lists.
func (a *Association) SaveStandings(ctx context.Context, who []string, rows []Standing) error {
	return a.begin(ctx, "record standings", func(tx pgx.Tx) error { return a.mergeStandings(ctx, tx, who, rows) })
}

func (a *Association) mergeStandings(ctx context.Context, tx pgx.Tx, who []string, rows []Standing) error {
	lists, names, classes := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows))
	reasons, ops, reps, on := make([]string, len(rows)), make([]string, len(rows)), make([]string, len(rows)), make([]bool, len(rows))
	for i, s := range rows {
		lists[i], names[i], classes[i], reasons[i] = string(s.List), s.Who, s.Class, string(s.Reason)
		on[i], ops[i], reps[i] = s.OnList, s.Op, string(s.Rep)
	}
	_, err := tx.Exec(ctx, sql.Query("standing_merge"), a.source, a.id, who, lists, names, classes, reasons, on, ops, reps)
	return err
}

// ReplaceStandings records how some people stand by now, and corrects the numbers
// of the last count by what differs makes of how they stood before. It leaves the
// time of the count: only a complete one sees what else has changed.
func (a *Association) ReplaceStandings(ctx context.Context, who []string, rows []Standing, differs func(before []Standing) []StandingCount) error {
	return a.begin(ctx, "record standings", func(tx pgx.Tx) error {
		before, err := a.standingsOf(ctx, tx, who)
		if err != nil {
			return err
		}
		if err := a.mergeStandings(ctx, tx, who, rows); err != nil {
			return err
		}
		var batch pgx.Batch
		for _, c := range differs(before) {
			if c.N != 0 {
				batch.Queue(`insert into rollcall_state.standing_count as c (source, association, list, what, reason, n) values ($1, $2, $3, $4, $5, $6)
					on conflict (source, association, list, what, reason) do update set n = c.n + excluded.n`,
					a.source, a.id, string(c.List), c.What, string(c.Reason), c.N)
			}
		}
		lists, addresses := []string{}, []string{}
		for _, s := range slices.Concat(before, rows) {
			lists, addresses = append(lists, string(s.List)), append(addresses, s.Who)
		}
		batch.Queue(sql.Query("standing_changed_some"), a.source, a.id, lists, addresses)
		batch.Queue("delete from rollcall_state.standing_count where source = $1 and association = $2 and n <= 0", a.source, a.id)
		return tx.SendBatch(ctx, &batch).Close()
	})
}

func (a *Association) standingsOf(ctx context.Context, tx pgx.Tx, who []string) ([]Standing, error) {
	rows, err := tx.Query(ctx, sql.Query("standing_of"), a.source, a.id, who)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Standing])
}

// ChangedSince returns at most limit addresses about which Constant Contact was told or
// read something since a time.
func (a *Association) ChangedSince(ctx context.Context, since time.Time, limit int) ([]mapper.Address, error) {
	return collect[mapper.Address](ctx, a, "read changed addresses", "standing_changed_since", since, limit)
}

// Counted is the last count of an association.
type Counted struct {
	At    time.Time // when it began; zero: never counted
	Took  time.Duration
	State string // see StandingState
}

// EndCount records the numbers of a complete count, and forgets people whom
// nothing knows any more but those in keep.
func (a *Association) EndCount(ctx context.Context, c Counted, counts []StandingCount, keep []string) error {
	return a.begin(ctx, "record count", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql.Query("standing_forget"), a.source, a.id, append([]string{}, keep...)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from rollcall_state.standing_count where source = $1 and association = $2", a.source, a.id); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"rollcall_state", "standing_count"}, []string{"source", "association", "list", "what", "reason", "n"},
			pgx.CopyFromSlice(len(counts), func(i int) ([]any, error) {
				n := counts[i]
				return []any{a.source, a.id, string(n.List), n.What, string(n.Reason), int32(n.N)}, nil
			}))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("standing_changed"), a.source, a.id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into rollcall_state.counted (source, association, at, took, state) values ($1, $2, $3, $4, $5)
			on conflict (source, association) do update set at = excluded.at, took = excluded.took, state = excluded.state`,
			a.source, a.id, c.At, c.Took, c.State)
		return err
	})
}

// LastCount is the last complete count; the zero Counted without one.
func (a *Association) LastCount(ctx context.Context) (Counted, error) {
	var c Counted
	err := a.pool.QueryRow(ctx, "select at, took, state from rollcall_state.counted where source = $1 and association = $2", a.source, a.id).
		Scan(&c.At, &c.Took, &c.State)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return c, fmt.Errorf("read last count: %w", err)
	}
	return c, nil
}

// StandingState stands for everything that how people stand depends on, apart
// from the rows of the database.
func (a *Association) StandingState(ctx context.Context) (string, error) {
	var state string
	if err := a.pool.QueryRow(ctx, sql.Query("standing_state"), a.source, a.id).Scan(&state); err != nil {
		return "", fmt.Errorf("read what a count depends on: %w", err)
	}
	return state, nil
}

// StandingCounts reads the numbers of one list, or of all where it is empty.
func (a *Association) StandingCounts(ctx context.Context, list mapper.ListKey) ([]StandingCount, error) {
	rows, err := a.pool.Query(ctx, `select list, what, reason, n from rollcall_state.standing_count
		where source = $1 and association = $2 and ($3 = '' or list = $3)`, a.source, a.id, string(list))
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[StandingCount])
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return counts, nil
}

// ListsChanged is when somebody was last put on each list or taken off it, as the
// last count found.
func (a *Association) ListsChanged(ctx context.Context) (map[mapper.ListKey]time.Time, error) {
	rows, err := a.pool.Query(ctx, "select list, at from rollcall_state.list_changed where source = $1 and association = $2", a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read changes of lists: %w", err)
	}
	changed := map[mapper.ListKey]time.Time{}
	var list mapper.ListKey
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&list, &at}, func() error { changed[list] = at; return nil }); err != nil {
		return nil, fmt.Errorf("read changes of lists: %w", err)
	}
	return changed, nil
}

// Standings returns, in order, at most limit people behind after whom a number of
// a list counts. reason narrows those held.
func (a *Association) Standings(ctx context.Context, list mapper.ListKey, what string, reason mapper.Reason, after string, limit int) ([]Standing, error) {
	rows, err := a.pool.Query(ctx, sql.Query("standing_people"), a.source, a.id, string(list), what, string(reason), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read people of list: %w", err)
	}
	return collectStandings(rows, list)
}

// HeldFor returns, in order, at most limit rows behind after of people who are
// held back for a reason, over all lists: one row for each person.
func (a *Association) HeldFor(ctx context.Context, reason mapper.Reason, after string, limit int) ([]Standing, error) {
	rows, err := a.pool.Query(ctx, `select distinct on (who) who, class, reason, on_list, op, rep from rollcall_state.standing
		where source = $1 and association = $2 and class = 'held' and reason = $3 and who > $4 order by who limit $5`,
		a.source, a.id, string(reason), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read people held back: %w", err)
	}
	return collectStandings(rows, "")
}

func collectStandings(rows pgx.Rows, list mapper.ListKey) ([]Standing, error) {
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Standing, error) {
		s := Standing{List: list}
		err := row.Scan(&s.Who, &s.Class, &s.Reason, &s.OnList, &s.Op, &s.Rep)
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("read people of list: %w", err)
	}
	return people, nil
}

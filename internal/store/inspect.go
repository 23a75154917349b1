package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// KnownAddresses returns, in order, at most limit addresses behind after that
// any plan or call of the association ever concerned.
func (a *Association) KnownAddresses(ctx context.Context, after mapper.Address, limit int) ([]mapper.Address, error) {
	return collect[mapper.Address](ctx, a, "read known addresses", "inspect_known_addresses", string(after), limit)
}

// UnknownAddresses returns those of the addresses that KnownAddresses does not.
func (a *Association) UnknownAddresses(ctx context.Context, addresses []mapper.Address) ([]mapper.Address, error) {
	return collect[mapper.Address](ctx, a, "read known addresses", "inspect_unknown_addresses", addressStrings(addresses))
}

// Queued is what keeps the sender from changing an address now.
type Queued struct {
	Busy    bool // a call about it is on its way
	Later   bool // it is queued for a later time
	Imports int  // import rows within 24 hours
	Absent  bool // no contact has the address, as far as is known
}

// Queue reads what keeps the sender from changing addresses now.
func (a *Association) Queue(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]Queued, error) {
	rows, err := a.pool.Query(ctx, sql.Query("inspect_queue"), a.source, a.id, addressStrings(addresses), a.now())
	if err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	queue := make(map[mapper.Address]Queued, len(addresses))
	var address mapper.Address
	var q Queued
	_, err = pgx.ForEachRow(rows, []any{&address, &q.Busy, &q.Later, &q.Imports, &q.Absent}, func() error { queue[address] = q; return nil })
	if err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	return queue, nil
}

// ListAddresses returns the addresses that the ledger has for a list, in order.
func (a *Association) ListAddresses(ctx context.Context, list mapper.ListKey) ([]mapper.Address, error) {
	return collect[mapper.Address](ctx, a, "read people of list", "inspect_list_addresses", string(list))
}

// RepAddresses returns every address that a rep was seen with, the oldest
// first.
func (a *Association) RepAddresses(ctx context.Context, rep mapper.RepID) ([]mapper.Address, error) {
	return collect[mapper.Address](ctx, a, "read addresses of rep", "inspect_rep_addresses", string(rep))
}

func collect[T ~string](ctx context.Context, a *Association, what, query string, args ...any) ([]T, error) {
	rows, err := a.pool.Query(ctx, sql.Query(query), append([]any{a.source, a.id}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}

// PairTimes are when things happened to one (list, address), nil for never.
type PairTimes struct {
	List                                   mapper.ListKey
	ShownAt, ToldAt, DepartedAt, RemovedAt *time.Time
}

// PairTimes reads the times of an address on every list.
func (a *Association) PairTimes(ctx context.Context, address mapper.Address) (map[mapper.ListKey]PairTimes, error) {
	rows, err := a.pool.Query(ctx, sql.Query("inspect_pairs"), a.source, a.id, string(address))
	if err != nil {
		return nil, fmt.Errorf("read ledger of address: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[PairTimes])
	if err != nil {
		return nil, fmt.Errorf("read ledger of address: %w", err)
	}
	times := make(map[mapper.ListKey]PairTimes, len(all))
	for _, t := range all {
		times[t.List] = t
	}
	return times, nil
}

// Event is what one call to Constant Contact did to an address on one list.
type Event struct {
	Call    int64
	At      time.Time
	EndedAt *time.Time
	Kind    string         // of the call: import, add or remove
	State   string         // of the call
	Outcome string         // as Constant Contact named it, or why it was refused
	List    mapper.ListKey // empty for fields
	Op      string         // add, remove or fields
	Reason  mapper.Reason
	Rep     mapper.RepID
}

// History reads the last calls that concerned an address, the newest first.
func (a *Association) History(ctx context.Context, address mapper.Address, limit int) ([]Event, error) {
	rows, err := a.pool.Query(ctx, sql.Query("inspect_history"), a.source, a.id, string(address), limit)
	if err != nil {
		return nil, fmt.Errorf("read calls about address: %w", err)
	}
	events, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Event])
	if err != nil {
		return nil, fmt.Errorf("read calls about address: %w", err)
	}
	return events, nil
}

// AskedAbout is the latest question about one operation on one address.
type AskedAbout struct {
	Approval  int64
	List      mapper.ListKey
	Op        string // add or remove
	Kind      mapper.HoldKind
	State     string // waiting, approved, rejected or expired
	AskedAt   time.Time
	ExpiresAt *time.Time // nil: never
	DecidedAt *time.Time
	DecidedBy string
}

// Questions reads the questions that concern an address.
func (a *Association) Questions(ctx context.Context, address mapper.Address) ([]AskedAbout, error) {
	rows, err := a.pool.Query(ctx, sql.Query("inspect_holds"), a.source, a.id, string(address))
	if err != nil {
		return nil, fmt.Errorf("read questions about address: %w", err)
	}
	questions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AskedAbout])
	if err != nil {
		return nil, fmt.Errorf("read questions about address: %w", err)
	}
	return questions, nil
}

// Freshness is how old the facts of an association are; a time is nil for
// never.
type Freshness struct {
	PulledAt   *time.Time // the end of the last run that read the whole account
	ReadAt     *time.Time // the last time that anybody was read in Constant Contact
	FullPassAt *time.Time // the last time that every row of the database was read
	Queued     int        // addresses that are to be planned again
	Questions  int        // waiting for an answer
	Alarms     []string   // why the database is not to be trusted with removals
}

// Freshness reads how old the association's facts are.
func (a *Association) Freshness(ctx context.Context) (Freshness, error) {
	var f Freshness
	err := a.pool.QueryRow(ctx, sql.Query("inspect_freshness"), a.source, a.id).
		Scan(&f.PulledAt, &f.ReadAt, &f.FullPassAt, &f.Queued, &f.Questions, &f.Alarms)
	if err != nil {
		return f, fmt.Errorf("read age of facts: %w", err)
	}
	return f, nil
}

// Shrunk says, as sentences, which views have so few rows that Counted would
// raise an alarm. It records nothing.
func (a *Association) Shrunk(ctx context.Context, counts map[string]int64) (sentences []string, err error) {
	err = a.begin(ctx, "compare counts", func(tx pgx.Tx) error {
		before, err := a.counts(ctx, tx)
		for view, n := range counts {
			if alarmAbout(view, before[view], n) != "" {
				sentences = append(sentences, fmt.Sprintf("rollcall.%s had %d rows and has %d.", view, before[view], n))
			}
		}
		return err
	})
	slices.Sort(sentences)
	return sentences, err
}

// ErrNoRun says that there is no run of that number.
var ErrNoRun = errors.New("there is no run of that number")

// RunByID finds one run and its association. Without it the error is ErrNoRun.
func (s *Store) RunByID(ctx context.Context, id int64) (association string, r Run, err error) {
	err = s.pool.QueryRow(ctx, `select association, id, kind, lists, asked_by, state, detail, started_at, ended_at, counts
		from rollcall_state.run where source = $1 and id = $2`, s.source, id).
		Scan(&association, &r.ID, &r.Kind, &r.Lists, &r.AskedBy, &r.State, &r.Detail, &r.StartedAt, &r.EndedAt, &r.Found)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", r, ErrNoRun
	}
	if err != nil {
		return "", r, fmt.Errorf("read run: %w", err)
	}
	return association, r, nil
}

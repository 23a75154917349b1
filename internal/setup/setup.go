// Package setup makes what Rollcall needs in a member database: the schema
// rollcall, the role, the publication and the slot. Everything but the slot is
// one transaction, and what came about before a failure is taken back.
package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/source"
	"rollcall/sql"
)

// Publication is the name under which the contract publishes.
const Publication = "rollcall"

// lockPatience bounds how long a lock on a member table is waited for: whoever
// comes after us in the queue would wait too.
const lockPatience = "10s"

// Contract is what to make.
type Contract struct {
	Views   string // SQL that creates the views; with Watches empty, the reference's
	Watches string // SQL that fills rollcall.watches; may be part of Views
	Slot    string // empty: no slot
	// Triggers has triggers capture changes instead of a publication. Slot is empty
	// then.
	Triggers bool
	// OnRemoved is what the operator chose for people whose group membership
	// row is gone: keep, remove, or empty for no choice.
	OnRemoved string
}

// Result says what Apply made.
type Result struct {
	Fresh       bool // there was no schema rollcall before
	SlotCreated bool
	// SlotLeft says that the user may not make slots: the first start of
	// Rollcall makes it.
	SlotLeft bool
	// MustChoose says that no membership can be switched off: on_removed
	// decides whether anybody ever leaves a group's list.
	MustChoose bool
}

// Errors that a caller may want to tell apart. What Apply found wrong, it left
// as it was.
var (
	ErrChoose      = errors.New("on_removed must be chosen")
	ErrTransaction = errors.New("the file begins or ends a transaction")
)

// part is one file of the contract.
type part struct {
	name, text string
	before     int // lines of text that are ours and stand before the operator's files
	views      int // lines of the views, after which the watches begin; 0 where neither is the operator's
}

func (c Contract) parts() ([]part, error) {
	texts, views, lines := sql.Contract(), "the views of the reference", 0
	if c.Views != "" || c.Watches != "" {
		views, lines = "the views and watches", strings.Count(c.Views, "\n")+1
		texts = sql.ContractFor(withoutSchema(c.Views), withoutSchema(c.Watches))
	}
	names := []string{"the schema", views, "the functions", "the publication", "the role"}
	if c.Triggers {
		texts = sql.ByTriggers(texts)
		names[3] = "the triggers"
	}
	parts := make([]part, len(texts))
	for i, text := range texts {
		if endsTransaction.MatchString(text) {
			return nil, fmt.Errorf("apply %s: %w; take out begin and commit: all is one transaction", names[i], ErrTransaction)
		}
		parts[i] = part{name: names[i], text: text}
	}
	parts[1].views = lines
	return parts, nil
}

var (
	endsTransaction = regexp.MustCompile(`(?im)^\s*(begin|start\s+transaction|commit|rollback)(\s+work|\s+transaction)?(\s+(isolation|read|not)\s[^;]*)?\s*;`)
	createsSchema   = regexp.MustCompile(`(?im)^\s*create\s+schema\s+(if\s+not\s+exists\s+)?rollcall\s*;`)
)

// withoutSchema leaves out that the schema is created, which is done before,
// and the mark by which some editors begin a file. Every line keeps its number.
func withoutSchema(text string) string {
	return createsSchema.ReplaceAllStringFunc(strings.TrimPrefix(text, "\ufeff"), func(statement string) string {
		return strings.Repeat("\n", strings.Count(statement, "\n"))
	})
}

// keepWatches and restoreWatches make a second run harmless: the file inserts
// into an empty table, and what somebody added by hand comes back.
const (
	keepWatches = `create temporary table rollcall_kept on commit drop as table rollcall.watches;
delete from rollcall.watches;`
	restoreWatches = `insert into rollcall.watches select * from pg_temp.rollcall_kept on conflict do nothing;`
)

// Apply makes the contract as the user of conn, who owns the member tables.
// Running it again is harmless.
func Apply(ctx context.Context, conn *pgx.Conn, c Contract) (Result, error) {
	return c.apply(ctx, conn, false)
}

// Try does what Apply does, but for the slot, and takes it back.
func Try(ctx context.Context, conn *pgx.Conn, c Contract) (Result, error) {
	return c.apply(ctx, conn, true)
}

func (c Contract) apply(ctx context.Context, conn *pgx.Conn, try bool) (Result, error) {
	parts, err := c.parts()
	if err != nil {
		return Result{}, err
	}
	before, err := look(ctx, conn, c.Slot)
	if err != nil {
		return Result{}, err
	}
	r := Result{Fresh: !before.schema}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return r, fmt.Errorf("begin transaction: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // nothing to do after a commit
	if r.MustChoose, err = c.make(ctx, tx, parts); err != nil || try {
		return r, err
	}
	if err := tx.Commit(ctx); err != nil {
		return r, fmt.Errorf("commit: %w", err)
	}
	if c.Slot == "" {
		return r, nil
	}
	prepared, err := cdc.Prepare(ctx, conn, c.Slot, Publication)
	switch {
	case errors.Is(err, cdc.ErrNoReplication):
		r.SlotLeft = true
	case err != nil:
		return r, errors.Join(err, before.restore(ctx, conn))
	default:
		r.SlotCreated = prepared.Created
	}
	return r, nil
}

// make runs the parts within the transaction and looks at what they made.
func (c Contract) make(ctx context.Context, tx pgx.Tx, parts []part) (mustChoose bool, err error) {
	if _, err := tx.Exec(ctx, "set local lock_timeout = '"+lockPatience+"'"); err != nil {
		return false, fmt.Errorf("set lock_timeout: %w", err)
	}
	for i, p := range parts {
		if i == 1 {
			err = replaceViews(ctx, tx, p)
		} else {
			err = run(ctx, tx, p)
		}
		if err != nil {
			return false, err
		}
	}
	missing, err := source.Missing(ctx, tx)
	if err != nil {
		return false, err
	}
	if len(missing) > 0 {
		return false, &source.ContractError{Missing: missing}
	}
	if err := tryWatches(ctx, tx); err != nil {
		return false, err
	}
	can, err := CanDisable(ctx, tx)
	if err != nil {
		return false, err
	}
	if !can && c.OnRemoved == "" {
		return true, fmt.Errorf("%w: rollcall.group_members.disabled can never be true here, so with keep nobody ever leaves a group's list; "+
			"say --on-removed remove, or --on-removed keep if that is wanted", ErrChoose)
	}
	return !can, nil
}

// replaceViews runs the file with the views and the watches. Where views are
// there already that CREATE does not replace, all of them are dropped first.
func replaceViews(ctx context.Context, tx pgx.Tx, p part) error {
	p.text = keepWatches + "\n" + p.text + "\n" + restoreWatches
	p.before = strings.Count(keepWatches, "\n") + 1
	err := pgx.BeginFunc(ctx, tx, func(inner pgx.Tx) error { return run(ctx, inner, p) })
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Code != "42P07" && refused.Code != "42P16" { // duplicate_table, invalid_table_definition
		return err
	}
	const list = `select coalesce(array_agg(format('rollcall.%I', relname) order by relname), '{}') from pg_catalog.pg_class
		where relnamespace = 'rollcall'::regnamespace and relkind = 'v'`
	var were, are []string
	if err := tx.QueryRow(ctx, list).Scan(&were); err != nil {
		return fmt.Errorf("list views: %w", err)
	}
	if err := run(ctx, tx, part{name: "the new views in place of the old", text: "drop view " + strings.Join(were, ", ") + ";"}); err != nil {
		return err
	}
	if err := run(ctx, tx, p); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, list).Scan(&are); err != nil {
		return fmt.Errorf("list views: %w", err)
	}
	have := map[string]bool{}
	for _, view := range are {
		have[view] = true
	}
	for _, view := range were {
		if !have[view] {
			return fmt.Errorf("apply %s: there is a view %s that they do not make; add it to them, or drop it first: drop view %s", p.name, view, view)
		}
	}
	return nil
}

func run(ctx context.Context, tx pgx.Tx, p part) error {
	_, err := tx.Exec(ctx, p.text)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return refusal(p, pgErr)
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", p.name, err)
	}
	return nil
}

// CanDisable says whether the view rollcall.group_members could show a
// membership as disabled. Where the column is a constant false the planner
// knows that without reading a row.
func CanDisable(ctx context.Context, db source.Querier) (bool, error) {
	rows, err := db.Query(ctx, "explain (format json, costs off) select from rollcall.group_members where disabled")
	if err != nil {
		return false, fmt.Errorf("explain rollcall.group_members: %w", err)
	}
	plan, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if err != nil {
		return false, fmt.Errorf("explain rollcall.group_members: %w", err)
	}
	return bytes.Contains(plan, []byte(`"Relation Name"`)) || bytes.Contains(plan, []byte(`"Function Name"`)), nil
}

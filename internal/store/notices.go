package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// NoticeKind is what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeNameCut   NoticeKind = "list_name_cut"   // longer than Constant Contact takes
	NoticeNameTaken NoticeKind = "list_name_taken" // another source of a list has the name
	NoticeFieldsCut NoticeKind = "fields_cut"      // a person's
)

// Notice says what is done otherwise than the database says, without anybody
// having to decide.
type Notice struct {
	Kind NoticeKind
	List mapper.ListKey // of a notice about a list
	Rep  mapper.RepID   // of a notice about a person
	// What are the fields that were cut, or the name that the list got.
	What  []string
	Since time.Time
}

// Notices are those about reps, and those about lists; with no reps, all.
func (a *Association) Notices(ctx context.Context, reps ...mapper.RepID) ([]Notice, error) {
	ids := make([]string, len(reps))
	for i, rep := range reps {
		ids[i] = string(rep)
	}
	rows, err := a.pool.Query(ctx, `select kind, list, rep, what, since from rollcall_state.notice
		where source = $1 and association = $2 and (rep = '' or cardinality($3::text[]) = 0 or rep = any($3))
		order by kind, list, rep`, a.source, a.id, ids)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	notices, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Notice])
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return notices, nil
}

// NoteLists replaces the notices about lists by those that follow from the wanted
// lists.
func (a *Association) NoteLists(ctx context.Context, wanted []mapper.List) error {
	var kinds, keys, names []string
	note := func(kind NoticeKind, l mapper.List) {
		kinds, keys, names = append(kinds, string(kind)), append(keys, string(l.Key)), append(names, l.Name)
	}
	for _, l := range wanted {
		if l.Cut {
			note(NoticeNameCut, l)
		}
		if l.Derived {
			note(NoticeNameTaken, l)
		}
	}
	return a.begin(ctx, "record notices about lists", func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sql.Query("notices_lists"), a.source, a.id, kinds, keys, names, a.now())
		return err
	})
}

// noteFields replaces the notices about the reps whose fields were looked at.
func (a *Association) noteFields(ctx context.Context, tx pgx.Tx, looked map[mapper.Address]mapper.CutFields) error {
	var reps, cut, fields []string
	for _, c := range looked {
		reps = append(reps, string(c.Rep))
		for _, field := range c.Fields {
			cut, fields = append(cut, string(c.Rep)), append(fields, field)
		}
	}
	if len(reps) == 0 {
		return nil
	}
	slices.Sort(reps)
	_, err := tx.Exec(ctx, sql.Query("notices_fields"), a.source, a.id, slices.Compact(reps), cut, fields, a.now())
	return err
}

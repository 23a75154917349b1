package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
)

// whose is a destination for the column that says whom a row is about.
type whose struct {
	*Known
	all map[mapper.Address]*Known
}

// ScanBytes implements pgtype.BytesScanner.
func (w *whose) ScanBytes(address []byte) error {
	if w.Known = w.all[mapper.Address(address)]; w.Known == nil {
		w.Known = nobody()
	}
	return nil
}

// nobody is somebody about whom nothing is known.
func nobody() *Known {
	return &Known{Pairs: map[mapper.ListKey]mapper.Pair{}, Open: map[mapper.ListKey]string{}}
}

// scan reads rows into the same destinations, one after the other.
func (a *Association) scan(ctx context.Context, query string, addresses []string, into []any, row func()) error {
	rows, err := a.pool.Query(ctx, query, a.source, a.id, addresses)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error { row(); return nil })
	return err
}

// word is a destination for a column of few different words, which are kept once
// each.
type word struct {
	text string
	all  map[string]string
}

func newWord() *word { return &word{all: map[string]string{}} }

// ScanBytes implements pgtype.BytesScanner.
func (w *word) ScanBytes(text []byte) error {
	known, ok := w.all[string(text)]
	if !ok {
		known = string(text)
		w.all[known] = known
	}
	w.text = known
	return nil
}

func (a *Association) each(ctx context.Context, query string, addresses []string, scan func(pgx.Rows) error) error {
	args := []any{a.source, a.id, addresses}
	if strings.Contains(query, "$4") {
		args = append(args, a.now())
	}
	rows, err := a.pool.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

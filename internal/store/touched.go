package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/sql"
)

var _ cdc.Store = (*Store)(nil)

// Save stores a batch of the stream and its position in one transaction. A key
// that is stored already gets the union of the transactions to wait for.
func (s *Store) Save(ctx context.Context, b *cdc.Batch) error {
	return s.begin(ctx, "store touched keys", func(tx pgx.Tx) error {
		if err := s.saveTouched(ctx, tx, b); err != nil {
			return err
		}
		for _, r := range b.Requests {
			if err := s.saveRequest(ctx, tx, r); err != nil {
				return err
			}
		}
		if b.Truncated {
			if _, err := tx.Exec(ctx, sql.Query("widen_touch"), s.source, string(cdc.KindAll), []string{}, s.now()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, sql.Query("touched_position"), s.source, uint64(b.End), s.now())
		return err
	})
}

func (s *Store) saveTouched(ctx context.Context, tx pgx.Tx, b *cdc.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, sql.Query("touched_temp")); err != nil {
		return err
	}
	next, stop := iter.Pull(b.Touched())
	defer stop()
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"pg_temp", "touched_in"},
		[]string{"kind", "via", "key", "xids", "end_lsn", "touched_at"},
		pgx.CopyFromFunc(func() ([]any, error) {
			t, ok := next()
			if !ok {
				return nil, nil
			}
			xids := make([]int64, len(t.XIDs))
			for i, xid := range t.XIDs {
				xids[i] = int64(xid)
			}
			return []any{string(t.Kind), t.Via, t.Key, xids, int64(t.End), t.CommitTime}, nil
		}))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sql.Query("touched_merge"), s.source)
	return err
}

// saveRequest stores a message that asks for something. One that is not of the
// form that the functions of schema rollcall write is dropped: anybody may
// write messages, and a bad one must not stop the stream.
func (s *Store) saveRequest(ctx context.Context, tx pgx.Tx, r cdc.Request) error {
	content, err := parseRequest(r.Content)
	if err != nil {
		return nil
	}
	if content.Ask == askTouch {
		kind, key := cdc.Kind(content.Kind), []string{content.Key}
		if kind == cdc.KindAll {
			key = []string{}
		}
		_, err := tx.Exec(ctx, sql.Query("widen_touch"), s.source, string(kind), key, r.CommitTime)
		return err
	}
	_, err = tx.Exec(ctx, sql.Query("touched_request"), s.source, content, fmt.Sprint(r.XID), r.CommitTime, uint64(r.LSN))
	return err
}

// The requests that there are.
const (
	askSyncNow = "sync_now"
	askTouch   = "touch"
)

func parseRequest(raw []byte) (RequestContent, error) {
	var c RequestContent
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("parse request: %w", err)
	}
	if decoder.More() || c.Version != 1 {
		return c, errors.New("parse request: want one object of version 1")
	}
	switch {
	case c.Ask == askSyncNow && c.Group != "" && c.Kind == "" && c.Key == "":
		return c, nil
	case c.Ask == askTouch && c.Group == "" && c.Association == nil:
		switch cdc.Kind(c.Kind) {
		case cdc.KindRep, cdc.KindMember, cdc.KindGroup, cdc.KindAssociation:
			if c.Key != "" {
				return c, nil
			}
		case cdc.KindAll:
			if c.Key == "" {
				return c, nil
			}
		}
	}
	return c, errors.New("parse request: it asks for nothing that there is")
}

// Position is where the stream is durable; ok is false before the first start.
func (s *Store) Position(ctx context.Context) (durable cdc.LSN, ok bool, err error) {
	var text string
	err = s.pool.QueryRow(ctx, "select durable_lsn::text from rollcall_state.position where source = $1", s.source).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err == nil {
		err = durable.Scan(text)
	}
	if err != nil {
		return 0, false, fmt.Errorf("read position: %w", err)
	}
	return durable, true, nil
}

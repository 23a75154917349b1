package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/sql"
)

var _ cdc.Store = (*Store)(nil)

// saveAttempts is how often Save tries when it got into a deadlock with whoever
// works off the touched keys in another order.
const saveAttempts = 3

// Save stores a batch of the stream and its position in one transaction. A key
// that is stored already gets the union of the transactions to wait for.
// Requests that are not of the form that the functions of schema rollcall
// write are dropped: a bad one must not stop the stream.
func (s *Store) Save(ctx context.Context, b *cdc.Batch) error {
	for attempt := 1; ; attempt++ {
		refused, err := s.save(ctx, b, attempt > 1)
		var pgErr *pgconn.PgError
		if errors.As(err, &pgErr) && pgErr.Code == "40P01" && attempt < saveAttempts {
			continue
		}
		b.Refuse(refused)
		return err
	}
}

// save stores a batch. Alone it waits until nobody else changes touched keys:
// right after a deadlock the same one may come about again.
func (s *Store) save(ctx context.Context, b *cdc.Batch, alone bool) (refused int, err error) {
	err = s.begin(ctx, "store touched keys", func(tx pgx.Tx) error {
		if alone {
			if _, err := tx.Exec(ctx, "lock table rollcall_state.touched in exclusive mode"); err != nil {
				return err
			}
		}
		if err := s.saveTouched(ctx, tx, b.Len(), b.Touched()); err != nil {
			return err
		}
		if b.Truncated {
			if err := s.raise(ctx, tx, AlarmTruncated); err != nil {
				return err
			}
		}
		for _, r := range b.Requests {
			content, err := parseRequest(r.Content)
			if err != nil {
				refused++
				continue
			}
			if err := s.saveRequest(ctx, tx, r, content); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, sql.Query("touched_position"), s.source, uint64(b.End), s.now())
		failpoint.Hit(failpoint.KeysStoring)
		return err
	})
	return refused, err
}

// saveTouched stores n keys: many as one row while such rows hold not too many,
// else each as its own.
func (s *Store) saveTouched(ctx context.Context, tx pgx.Tx, n int, touched iter.Seq[cdc.Touched]) error {
	if n == 0 {
		return nil
	}
	if n >= packFrom {
		if packed, err := s.packTouched(ctx, tx, touched); packed || err != nil {
			return err
		}
	}
	return s.mergeTouched(ctx, tx, touched)
}

// mergeTouched copies the keys into a table of the session, which every session
// of the pool makes once and each commit empties, and merges them from there.
func (s *Store) mergeTouched(ctx context.Context, tx pgx.Tx, touched iter.Seq[cdc.Touched]) error {
	if _, err := tx.Exec(ctx, sql.Query("touched_temp")); err != nil {
		return err
	}
	next, stop := iter.Pull(touched)
	defer stop()
	row := make([]any, 6)
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"pg_temp", "touched_in"},
		[]string{"kind", "via", "key", "xids", "end_lsn", "touched_at"},
		pgx.CopyFromFunc(func() ([]any, error) {
			t, ok := next()
			if !ok {
				return nil, nil
			}
			row[0], row[1], row[2], row[3], row[4], row[5] = string(t.Kind), t.Via, t.Key, t.XIDs, int64(t.End), t.CommitTime
			return row, nil
		}))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, sql.Query("touched_merge"), s.source)
	return err
}

// saveRequest stores what somebody asked for by SQL. A request to touch is a
// touched key like any other.
func (s *Store) saveRequest(ctx context.Context, tx pgx.Tx, r cdc.Request, c RequestContent) error {
	if c.Ask == askTouch {
		key := []string{c.Key}
		if cdc.Kind(c.Kind) == cdc.KindAll {
			key = []string{}
		}
		_, err := tx.Exec(ctx, sql.Query("touched_asked"), s.source, c.Kind, key, r.XID, uint64(r.LSN), r.CommitTime)
		return err
	}
	association := ""
	if c.Association != nil {
		association = *c.Association
	}
	once := uint64(r.LSN) // a message that is read again has the same
	if r.Digest != 0 {
		once = r.Digest
	}
	_, err := tx.Exec(ctx, sql.Query("touched_request"), s.source, c, r.XID, r.CommitTime, once, association, subject("group", c.Group))
	return err
}

// The requests that there are.
const (
	askSyncNow = "sync_now"
	askTouch   = "touch"
)

// parseRequest reads a message that asks for something. Anybody may write such
// messages, so what is not exactly of the form that the functions of schema
// rollcall write is an error, and so is what Postgres could not store.
func parseRequest(raw []byte) (RequestContent, error) {
	var c RequestContent
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return c, fmt.Errorf("parse request: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || c.Version != 1 {
		return c, errors.New("parse request: want one object of version 1")
	}
	association := ""
	if c.Association != nil {
		association = *c.Association
	}
	if strings.ContainsRune(c.Group+c.Key+association, 0) {
		return c, errors.New("parse request: it has a zero byte")
	}
	switch {
	case c.Address+c.List+c.To != "": // only a command says these
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

// Log is the log of changes that the source's positions are about, 0 while the
// stream is followed or nothing was yet; see cdc.ChangeLog.
func (s *Store) Log(ctx context.Context) (id uint32, err error) {
	err = s.pool.QueryRow(ctx, "select coalesce((select log_id from rollcall_state.position where source = $1), 0)", s.source).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("read which log of changes is followed: %w", err)
	}
	return id, nil
}

// FollowLog records which log of changes is followed from now on; 0: the stream.
func (s *Store) FollowLog(ctx context.Context, id uint32) error {
	_, err := s.write(ctx, "record log of changes", `insert into rollcall_state.position (source, durable_lsn, saved_at, log_id) values ($1, '0/0', $3, $2)
		on conflict (source) do update set log_id = excluded.log_id where position.log_id <> excluded.log_id`, s.source, id, s.now())
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"rollcall/cdc"
	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sql"
)

// TouchedRow is one stored touched key at the version that was read.
type TouchedRow struct {
	cdc.Touched
	Version int64
	Keep    bool   // set by who works it off: it is to be looked at again
	pack    string // the packed row that has the key; empty: it is a row itself
}

// Touched reads touched keys: at most limit that are rows of their own, the
// oldest first, and those of the oldest packed rows until they are limit too. Keys of the watches without
// stay out of the limit's way.
func (s *Store) Touched(ctx context.Context, limit int, without ...string) ([]TouchedRow, error) {
	rows, err := s.pool.Query(ctx, sql.Query("widen_touched"), s.source, limit, append([]string{}, without...))
	if err != nil {
		return nil, fmt.Errorf("read touched keys: %w", err)
	}
	touched, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (TouchedRow, error) {
		var t TouchedRow
		var end uint64
		err := row.Scan(&t.Kind, &t.Via, &t.Key, &t.XIDs, &end, &t.CommitTime, &t.Version)
		t.End = cdc.LSN(end)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("read touched keys: %w", err)
	}
	packed, err := s.unpacked(ctx, limit)
	return append(touched, packed...), err
}

// TouchedAllXIDs are the transactions that have touched everything and were not
// visible yet when that was stored.
func (s *Store) TouchedAllXIDs(ctx context.Context) ([]uint64, error) {
	var xids []uint64
	err := s.pool.QueryRow(ctx, `select coalesce((select array(select x::text::bigint from unnest(xids) as x)
		from rollcall_state.touched where source = $1 and kind = 'all' and via = ''), '{}')`, s.source).Scan(&xids)
	if err != nil {
		return nil, fmt.Errorf("read who touched everything: %w", err)
	}
	return xids, nil
}

// TouchAll marks everything as touched now, and again once every transaction
// that is older than after has ended: a commit that was logged before the slot
// began and was not visible yet is in neither the first read nor the stream.
func (s *Store) TouchAll(ctx context.Context, after uint64) error {
	return s.begin(ctx, "touch everything", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql.Query("widen_touch"), s.source, string(cdc.KindAll), []string{}, s.now()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into rollcall_state.position (source, durable_lsn, saved_at, touch_all_after)
			values ($1, '0/0', $2, $3::text::xid8)
			on conflict (source) do update set touch_all_after = excluded.touch_all_after`, s.source, s.now(), fmt.Sprint(after))
		return err
	})
}

// Touch marks one key as touched by ourselves.
func (s *Store) Touch(ctx context.Context, kind cdc.Kind, key string) error {
	_, err := s.write(ctx, "touch "+string(kind), sql.Query("widen_touch"), s.source, string(kind), []string{key}, s.now())
	return err
}

// SecondPass returns the transaction id after which everything is to be
// touched a second time, if that is still to be done.
func (s *Store) SecondPass(ctx context.Context) (after uint64, pending bool, err error) {
	var xid *uint64
	err = s.pool.QueryRow(ctx, "select touch_all_after::text::bigint from rollcall_state.position where source = $1", s.source).Scan(&xid)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && xid == nil {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read second pass: %w", err)
	}
	return *xid, true, nil
}

// FullPassDone says whether every row of the member database has been read
// once, which fills rep_seen. Before that no removal may be planned.
func (s *Store) FullPassDone(ctx context.Context) (bool, error) {
	var done bool
	err := s.pool.QueryRow(ctx, "select exists (select from rollcall_state.position where source = $1 and full_pass_at is not null)", s.source).Scan(&done)
	if err != nil {
		return false, fmt.Errorf("read full pass: %w", err)
	}
	return done, nil
}

// Marks collects, in one transaction, what a set of touched keys leads to.
// Marks are streamed to the server in pieces, so a pass over everything needs
// no memory that grows with it.
type Marks struct {
	ctx     context.Context
	tx      pgx.Tx
	s       *Store
	pending [][]any
}

const marksPiece = 5000

// Rep records that a rep has the address now, and marks that address and every
// address the rep had before as dirty; those of one who opted out come first.
func (m *Marks) Rep(association string, rep mapper.RepID, address mapper.Address, problem mapper.Reason, optedOut bool) error {
	return m.add(association, string(rep), string(address), string(problem), optedOut)
}

// Gone marks every address that the rep ever had, in every association.
func (m *Marks) Gone(rep mapper.RepID) error { return m.add("", string(rep), "", "", false) }

// Address marks one address. It comes first: opt-outs are kept by address.
func (m *Marks) Address(association string, address mapper.Address) error {
	return m.add(association, "", string(address), "", true)
}

// Lists marks the association's lists themselves.
func (m *Marks) Lists(association string) error { return m.add(association, "", "", "", false) }

func (m *Marks) add(association, rep, address, problem string, first bool) error {
	m.pending = append(m.pending, []any{association, rep, address, problem, first})
	if len(m.pending) < marksPiece {
		return nil
	}
	return m.flush()
}

func (m *Marks) flush() error {
	_, err := m.tx.CopyFrom(m.ctx, pgx.Identifier{"pg_temp", "mark"}, []string{"association", "rep", "address", "problem", "first"}, pgx.CopyFromRows(m.pending))
	m.pending = m.pending[:0]
	return err
}

// List marks every address that the ledger has for a list, in every
// association that has the list, and the lists of these associations: what the
// list stands for may be gone.
func (m *Marks) List(key mapper.ListKey) error {
	_, err := m.tx.Exec(m.ctx, `insert into pg_temp.mark (association, rep, address, problem)
		select association, '', address, '' from rollcall_state.ledger where source = $1 and list = $2
		union all
		select association, '', '', '' from rollcall_state.list where source = $1 and key = $2`, m.s.source, string(key))
	return err
}

// Touch has a key looked at again, together with what is marked.
func (m *Marks) Touch(kind cdc.Kind, key string) error {
	_, err := m.tx.Exec(m.ctx, sql.Query("widen_touch"), m.s.source, string(kind), []string{key}, m.s.now())
	return err
}

// Known marks every address of the association that any plan or read ever saw.
// The empty association stands for all.
func (m *Marks) Known(association string) error {
	_, err := m.tx.Exec(m.ctx, sql.Query("widen_known"), m.s.source, association)
	return err
}

// WidenPart runs collect, which marks addresses that some of the touched keys lead to,
// and then in the same transaction makes the marks dirty and remembers who was seen
// with which address. The keys stay touched: Widen follows.
func (s *Store) WidenPart(ctx context.Context, touched []TouchedRow, collect func(*Marks) error) error {
	return s.begin(ctx, "widen some touched keys", func(tx pgx.Tx) error { return s.widen(ctx, tx, touched, collect) })
}

// Widen is WidenPart for all touched keys, or for those that are left, and deletes
// them in the same transaction, but for those that are kept, at the versions that
// were read. fullPass says that collect went through every row of the member
// database.
func (s *Store) Widen(ctx context.Context, touched []TouchedRow, fullPass, secondPass bool, collect func(*Marks) error) error {
	err := s.begin(ctx, "widen touched keys", func(tx pgx.Tx) error {
		if err := s.widen(ctx, tx, touched, collect); err != nil {
			return err
		}
		if fullPass {
			if _, err := tx.Exec(ctx, `update rollcall_state.position set full_pass_at = $2 where source = $1`, s.source, s.now()); err != nil {
				return err
			}
		}
		if secondPass {
			if _, err := tx.Exec(ctx, `update rollcall_state.position set touch_all_after = null where source = $1`, s.source); err != nil {
				return err
			}
		}
		if err := deleteTouched(ctx, tx, s.source, touched); err != nil {
			return err
		}
		if err := s.takeOff(ctx, tx, touched); err != nil {
			return err
		}
		failpoint.Hit(failpoint.KeysWidening)
		return nil
	})
	if err == nil && fullPass {
		s.analyze(ctx, "rollcall_state.rep_seen, rollcall_state.dirty")
	}
	return err
}

// widen makes dirty what collect marks.
func (s *Store) widen(ctx context.Context, tx pgx.Tx, touched []TouchedRow, collect func(*Marks) error) error {
	if err := s.mark(ctx, tx, collect); err != nil {
		return err
	}
	oldest := s.now()
	var from origin
	for _, t := range touched {
		if t.Keep {
			continue
		}
		if t.CommitTime.Before(oldest) {
			oldest = t.CommitTime
		}
		from.add(t)
	}
	if _, err := tx.Exec(ctx, sql.Query("widen_problems"), s.source, s.now()); err != nil {
		return err
	}
	columns := from.columns()
	_, err := tx.Exec(ctx, sql.Query("widen_dirty"), append([]any{s.source, oldest}, columns[:]...)...)
	return err
}

// Remember runs collect, which marks reps, and then in the same transaction
// remembers who was seen with which address. Nobody becomes dirty by that.
func (s *Store) Remember(ctx context.Context, collect func(*Marks) error) error {
	return s.begin(ctx, "remember reps", func(tx pgx.Tx) error {
		if err := s.mark(ctx, tx, collect); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sql.Query("reconcile_seen"), s.source); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql.Query("widen_problems"), s.source, s.now())
		return err
	})
}

// mark runs collect, and makes the table of its marks.
func (s *Store) mark(ctx context.Context, tx pgx.Tx, collect func(*Marks) error) error {
	if _, err := tx.Exec(ctx, sql.Query("widen_temp")); err != nil {
		return err
	}
	m := &Marks{ctx: ctx, tx: tx, s: s}
	if err := collect(m); err != nil {
		return err
	}
	return m.flush()
}

// deleteTouched deletes the touched keys that are rows of their own and are not kept.
func deleteTouched(ctx context.Context, tx pgx.Tx, source string, touched []TouchedRow) error {
	var kinds, vias, keys []string
	var versions []int64
	types := tx.Conn().TypeMap()
	for _, t := range touched {
		if t.pack != "" || t.Keep {
			continue
		}
		key, err := types.Encode(pgtype.TextArrayOID, pgx.TextFormatCode, t.Key, nil)
		if err != nil {
			return err
		}
		kinds, vias = append(kinds, string(t.Kind)), append(vias, t.Via)
		keys, versions = append(keys, string(key)), append(versions, t.Version)
	}
	if len(keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, sql.Query("touched_take_off"), source, kinds, vias, keys, versions)
	return err
}

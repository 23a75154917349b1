package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// AlarmKind says why the member database is not to be trusted with removals.
type AlarmKind string

// The kinds of alarm (docs/semantics.md, section 6).
const (
	AlarmTruncated  AlarmKind = "truncated"  // a watched table was truncated
	AlarmEmpty      AlarmKind = "empty"      // a view has no rows, and had some
	AlarmShrank     AlarmKind = "shrank"     // rows vanished in bulk
	AlarmUnreadable AlarmKind = "unreadable" // a view failed
	AlarmWentBack   AlarmKind = "went_back"  // the database went back in time
	AlarmGap        AlarmKind = "gap"        // another server took over: changes may be missing until all was compared
)

// Alarms says which alarms stand: about the rows, and about time.
func (a *Association) Alarms(ctx context.Context) (source, wentBack bool, err error) {
	err = a.pool.QueryRow(ctx, `select coalesce(bool_or(kind <> 'went_back'), false), coalesce(bool_or(kind = 'went_back'), false)
		from rollcall_state.alarm where source = $1 and association = $2`, a.source, a.id).Scan(&source, &wentBack)
	if err != nil {
		return false, false, fmt.Errorf("read alarms: %w", err)
	}
	return source, wentBack, nil
}

// Alarmed reports whether an alarm of one of the kinds stands.
func (a *Association) Alarmed(ctx context.Context, kinds ...AlarmKind) (stands bool, err error) {
	err = a.pool.QueryRow(ctx, `select exists (select from rollcall_state.alarm where source = $1 and association = $2 and kind = any($3))`,
		a.source, a.id, kinds).Scan(&stands)
	if err != nil {
		return false, fmt.Errorf("read alarms: %w", err)
	}
	return stands, nil
}

// RaiseAlarm records an alarm; detail holds no member data.
func (a *Association) RaiseAlarm(ctx context.Context, kind AlarmKind, detail string) error {
	_, err := a.write(ctx, "record alarm", `insert into rollcall_state.alarm (source, association, kind, detail, since) values ($1, $2, $3, $4, $5)
		on conflict (source, association, kind) do update set detail = excluded.detail`, a.source, a.id, string(kind), detail, a.now())
	return err
}

// RaiseAlarms records an alarm about every association that the state knows.
func (s *Store) RaiseAlarms(ctx context.Context, kind AlarmKind) error {
	return s.begin(ctx, "record alarm", func(tx pgx.Tx) error { return s.raise(ctx, tx, kind) })
}

func (s *Store) raise(ctx context.Context, tx pgx.Tx, kind AlarmKind) error {
	_, err := tx.Exec(ctx, sql.Query("alarms_raise"), s.source, string(kind), s.now())
	return err
}

// Counted compares the rows of an association's views with those of the last
// complete read. A view that is empty and was not, or rows of people or
// memberships that vanished in bulk, raise an alarm. Counts that look right end
// what was said about the number of rows before, and are the new measure when the
// read was complete.
func (a *Association) Counted(ctx context.Context, counts map[string]int64, complete bool) (trusted bool, err error) {
	err = a.begin(ctx, "compare counts", func(tx pgx.Tx) error {
		before, err := a.counts(ctx, tx)
		if err != nil {
			return err
		}
		trusted = true
		for view, n := range counts {
			kind := alarmAbout(view, before[view], n)
			if kind == "" {
				continue
			}
			trusted = false
			_, err := tx.Exec(ctx, `insert into rollcall_state.alarm (source, association, kind, detail, since) values ($1, $2, $3, $4, $5)
				on conflict (source, association, kind) do update set detail = excluded.detail`,
				a.source, a.id, string(kind), fmt.Sprintf("rollcall.%s had %d rows and has %d", view, before[view], n), a.now())
			if err != nil {
				return err
			}
		}
		if !trusted {
			return nil
		}
		if !complete {
			return a.calm(ctx, tx, false)
		}
		for view, n := range counts {
			_, err := tx.Exec(ctx, `insert into rollcall_state.source_count (source, association, view, rows, read_at) values ($1, $2, $3, $4, $5)
				on conflict (source, association, view) do update set rows = excluded.rows, read_at = excluded.read_at`,
				a.source, a.id, view, n, a.now())
			if err != nil {
				return err
			}
		}
		return a.calm(ctx, tx, true)
	})
	return trusted, err
}

// CountedAssociations returns the associations whose rows were counted before.
func (s *Store) CountedAssociations(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `select distinct association from rollcall_state.source_count where source = $1 order by 1`, s.source)
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	associations, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read counts: %w", err)
	}
	return associations, nil
}

func (a *Association) counts(ctx context.Context, tx pgx.Tx) (map[string]int64, error) {
	rows, err := tx.Query(ctx, `select view, rows from rollcall_state.source_count where source = $1 and association = $2`, a.source, a.id)
	if err != nil {
		return nil, err
	}
	before := map[string]int64{}
	var view string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&view, &n}, func() error { before[view] = n; return nil })
	return before, err
}

// alarmAbout compares the rows of a view. Groups, options and opt-outs are few,
// and going down they take nobody off a list, so that only their vanishing
// altogether is strange.
func alarmAbout(view string, before, now int64) AlarmKind {
	switch {
	case before > 0 && now == 0:
		return AlarmEmpty
	case (view == "reps" || view == "group_members") && mapper.Many(int(before-now), int(before)):
		return AlarmShrank
	}
	return ""
}

// calm ends the alarms about the number of rows.
func (a *Association) calm(ctx context.Context, tx pgx.Tx, complete bool) error {
	tag, err := tx.Exec(ctx, sql.Query("alarms_calm"), a.source, a.id, complete, a.now())
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return a.withdrawWhenCalm(ctx, tx)
}

// Readable ends the alarm about a view that failed.
func (a *Association) Readable(ctx context.Context) error {
	return a.begin(ctx, "end alarm", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `delete from rollcall_state.alarm where source = $1 and association = $2 and kind = 'unreadable'`, a.source, a.id)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return a.withdrawWhenCalm(ctx, tx)
	})
}

// CloseGap ends the alarm about changes that may be missing, once both systems
// were compared completely since.
func (a *Association) CloseGap(ctx context.Context) (closed bool, err error) {
	err = a.begin(ctx, "end alarm", func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql.Query("alarms_close_gap"), a.source, a.id)
		if closed = err == nil && tag.RowsAffected() > 0; !closed {
			return err
		}
		return a.withdrawWhenCalm(ctx, tx)
	})
	return closed, err
}

// withdrawWhenCalm withdraws what was asked about the rows when nothing is wrong
// with them any more.
func (a *Association) withdrawWhenCalm(ctx context.Context, tx pgx.Tx) error {
	var stands bool
	err := tx.QueryRow(ctx, `select exists (select from rollcall_state.alarm where source = $1 and association = $2 and kind <> 'went_back')`,
		a.source, a.id).Scan(&stands)
	if err != nil || stands {
		return err
	}
	_, err = tx.Exec(ctx, sql.Query("holds_withdraw"), a.source, a.id, string(mapper.HoldSource), a.now())
	return err
}

// believe takes the present rows as the measure: the next complete read has
// nothing to compare them with.
func (a *Association) believe(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `delete from rollcall_state.alarm where source = $1 and association = $2 and kind <> 'went_back'`, a.source, a.id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `delete from rollcall_state.source_count where source = $1 and association = $2`, a.source, a.id)
	return err
}

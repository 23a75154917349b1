package source

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/mapper"
	"rollcall/sql"
)

// Snap is one snapshot of the member database. It must be closed.
type Snap struct {
	src   *Source
	tx    pgx.Tx
	Shows cdc.Snapshot // what the snapshot sees
}

// Snapshot opens a read-only transaction at one snapshot.
func (s *Source) Snapshot(ctx context.Context) (*Snap, error) {
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("open snapshot of the member database: %w", err)
	}
	sn := &Snap{src: s, tx: tx}
	var text string
	if err := tx.QueryRow(ctx, "select pg_catalog.pg_current_snapshot()::text").Scan(&text); err != nil {
		sn.Close(ctx)
		return nil, fmt.Errorf("read snapshot of the member database: %w", err)
	}
	if sn.Shows, err = cdc.ParseSnapshot(text); err != nil {
		sn.Close(ctx)
		return nil, err
	}
	return sn, nil
}

// Close ends the snapshot.
func (sn *Snap) Close(ctx context.Context) {
	// The transaction only read: a failed rollback means a lost connection,
	// which the pool notices itself.
	_ = sn.tx.Rollback(context.WithoutCancel(ctx))
}

// Options reads an association's options. An association without a row has
// everything off.
func (sn *Snap) Options(ctx context.Context, association string) (mapper.Options, error) {
	var solution, start, end, zone *string
	var active, types, groups *bool
	err := sn.tx.QueryRow(ctx, sql.Query("source_options"), association).
		Scan(&solution, &active, &types, &groups, &start, &end, &zone)
	if errors.Is(err, pgx.ErrNoRows) {
		return mapper.Options{}, nil
	}
	if err != nil {
		return mapper.Options{}, fmt.Errorf("read rollcall.options: %w", err)
	}
	return mapper.Options{
		NewsletterSolution:  text(solution),
		SyncAllActive:       flag(active),
		SyncMembershipTypes: flag(types),
		SyncGroups:          flag(groups),
		WindowStart:         text(start),
		WindowEnd:           text(end),
		TimeZone:            text(zone),
	}, nil
}

// Groups reads an association's groups. A group whose tick is NULL, or that
// stands in the view twice, is no information: it comes back unticked. One without
// an id comes back so too, with an empty one: some group is there and cannot be told.
func (sn *Snap) Groups(ctx context.Context, association string) ([]mapper.Group, error) {
	rows, err := sn.tx.Query(ctx, sql.Query("source_groups"), association)
	if err != nil {
		return nil, fmt.Errorf("read rollcall.groups: %w", err)
	}
	var groups []mapper.Group
	at := map[mapper.GroupID]int{}
	for rows.Next() {
		var given, name *string
		var sync *bool
		if err := rows.Scan(&given, &name, &sync); err != nil {
			rows.Close()
			return nil, fmt.Errorf("read rollcall.groups: %w", err)
		}
		id := text(given)
		if i, twice := at[mapper.GroupID(id)]; twice {
			groups[i].Sync = false
			continue
		}
		at[mapper.GroupID(id)] = len(groups)
		groups = append(groups, mapper.Group{ID: mapper.GroupID(id), Name: text(name), Sync: given != nil && flag(sync)})
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rollcall.groups: %w", err)
	}
	return groups, nil
}

// Types reads the membership types that exist in an association.
func (sn *Snap) Types(ctx context.Context, association string) ([]mapper.MembershipType, error) {
	query := sql.Query("source_types")
	if sn.src.has.Load().types {
		query = "select distinct type_id::text, name::text from rollcall.membership_types where association_id = $1 and name is not null and type_id is not null"
	}
	rows, err := sn.tx.Query(ctx, query, association)
	if err != nil {
		return nil, fmt.Errorf("read membership types: %w", err)
	}
	types, err := pgx.CollectRows(rows, pgx.RowToStructByPos[mapper.MembershipType])
	if err != nil {
		return nil, fmt.Errorf("read membership types: %w", err)
	}
	return types, nil
}

// Associations reads the associations that have options.
func (sn *Snap) Associations(ctx context.Context) (ids []string, err error) {
	err = sn.protected(ctx, func() error {
		ids, err = sn.ids(ctx, "rollcall.options", sql.Query("source_associations"))
		return err
	})
	return ids, err
}

// OptOut is one row of the optional view rollcall.opt_outs.
type OptOut struct {
	Email string
	Group mapper.GroupID // empty: all mailings
}

// OptOuts reads the opt-outs that are kept by address. None where the view
// does not exist.
func (sn *Snap) OptOuts(ctx context.Context, association string, addresses []mapper.Address) ([]OptOut, error) {
	if !sn.src.has.Load().optOuts || len(addresses) == 0 {
		return nil, nil
	}
	spellings, err := sn.spellings(ctx, addresses)
	if err != nil {
		return nil, err
	}
	rows, err := sn.tx.Query(ctx, sql.Query("source_opt_outs"), association, array(spellings))
	if err != nil {
		return nil, fmt.Errorf("read rollcall.opt_outs: %w", err)
	}
	outs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (OptOut, error) {
		var email, group *string
		err := row.Scan(&email, &group)
		return OptOut{Email: text(email), Group: mapper.GroupID(text(group))}, err
	})
	if err != nil {
		return nil, fmt.Errorf("read rollcall.opt_outs: %w", err)
	}
	return outs, nil
}

// spellings are the forms under which the database may keep the addresses: with
// an international domain as punycode or as written.
func (sn *Snap) spellings(ctx context.Context, addresses []mapper.Address) ([]string, error) {
	out := make([]string, 0, len(addresses))
	for _, a := range addresses {
		out = append(out, string(a))
		written := a.Unicode()
		if written == string(a) {
			continue
		}
		holds, err := sn.holds(ctx, written)
		if err != nil {
			return nil, fmt.Errorf("ask how addresses are written: %w", err)
		}
		if holds {
			out = append(out, written)
		}
	}
	return out, nil
}

// holds says whether the database's encoding has the characters of a text. It cannot
// be asked for one that it lacks.
func (sn *Snap) holds(ctx context.Context, text string) (bool, error) {
	if sn.tx.Conn().PgConn().ParameterStatus("server_encoding") == "UTF8" {
		return true, nil
	}
	err := sn.protected(ctx, func() error {
		_, err := sn.tx.Exec(ctx, "select $1::text", text)
		return err
	})
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "22P05" { // untranslatable_character
		return false, nil
	}
	return err == nil, err
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func flag(b *bool) bool { return b != nil && *b }

func (s *Source) repsQuery() string {
	q := sql.Query("source_reps_by_id")
	if s.has.Load().mailable {
		q = strings.Replace(q, "true /* mailable */", "mailable", 1)
	}
	if len(s.custom) > 0 {
		columns := make([]string, len(s.custom))
		for i, name := range s.custom {
			columns[i] = pgx.Identifier{name}.Sanitize() + "::text"
		}
		q = strings.Replace(q, "null::text[] /* custom */", "array["+strings.Join(columns, ", ")+"]", 1)
	}
	return q
}

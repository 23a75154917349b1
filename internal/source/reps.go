package source

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/mapper"
	"rollcall/sql"
)

// RepRef is where a rep's row leads: its association and its e-mail address
// as stored.
type RepRef struct {
	Association string
	Rep         mapper.RepID
	Email       string
	OptedOut    bool // false also where the view does not say
}

// RefsByRep finds reps by their ids, in every association.
func (sn *Snap) RefsByRep(ctx context.Context, ids []string, each func(RepRef) error) error {
	return sn.possible(ctx, repKeys, ids, func(ids []string) error { return sn.refs(ctx, "source_refs_by_rep", array(ids), each) })
}

// RefsByMember finds the reps of members.
func (sn *Snap) RefsByMember(ctx context.Context, members []string, each func(RepRef) error) error {
	return sn.possible(ctx, memberKeys, members, func(ids []string) error { return sn.refs(ctx, "source_refs_by_member", array(ids), each) })
}

// RefsByGroup finds the reps that have a membership row in groups.
func (sn *Snap) RefsByGroup(ctx context.Context, groups []string, each func(RepRef) error) error {
	return sn.possible(ctx, memberGroupKeys, groups, func(ids []string) error { return sn.refs(ctx, "source_refs_by_group", array(ids), each) })
}

// RefsByAssociation goes through all reps of an association.
func (sn *Snap) RefsByAssociation(ctx context.Context, association string, each func(RepRef) error) error {
	return sn.possible(ctx, associationKeys, []string{association}, func(ids []string) error {
		return sn.refs(ctx, "source_refs_by_association", ids[0], each)
	})
}

func (sn *Snap) refs(ctx context.Context, query, arg string, each func(RepRef) error) error {
	const view = "rollcall.reps"
	rows, err := sn.tx.Query(ctx, sql.Query(query), arg)
	if err != nil {
		return sn.viewError(view, err)
	}
	defer rows.Close()
	for rows.Next() {
		var association, rep string
		var email *string
		var optedOut bool
		if err := rows.Scan(&association, &rep, &email, &optedOut); err != nil {
			return sn.viewError(view, err)
		}
		if err := each(RepRef{Association: association, Rep: mapper.RepID(rep), Email: text(email), OptedOut: optedOut}); err != nil {
			return err
		}
	}
	return sn.viewError(view, rows.Err())
}

// GroupAssociations says which associations have the groups.
func (sn *Snap) GroupAssociations(ctx context.Context, groups []string) ([]string, error) {
	var found []string
	err := sn.possible(ctx, groupKeys, groups, func(ids []string) error {
		associations, err := sn.groupAssociations(ctx, ids)
		found = append(found, associations...)
		return err
	})
	slices.Sort(found)
	return slices.Compact(found), err
}

func (sn *Snap) groupAssociations(ctx context.Context, groups []string) ([]string, error) {
	return sn.ids(ctx, "rollcall.groups", "select distinct association_id::text from rollcall.groups where group_id = any($1)", array(groups))
}

func (sn *Snap) ids(ctx context.Context, view, query string, args ...any) ([]string, error) {
	rows, err := sn.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, sn.viewError(view, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, sn.viewError(view, err)
}

// Concerned says which associations reps, members or groups belong to, of those
// that the view shows.
func (sn *Snap) Concerned(ctx context.Context, kind cdc.Kind, ids []string) (associations []string, err error) {
	view, query := "rollcall.reps", "select distinct association_id::text from rollcall.reps where rep_id = any($1) and association_id is not null"
	switch kind {
	case cdc.KindMember:
		query = "select distinct association_id::text from rollcall.reps where member_id = any($1) and association_id is not null"
	case cdc.KindGroup:
		view, query = "rollcall.groups", "select distinct association_id::text from rollcall.groups where group_id = any($1) and association_id is not null"
	}
	err = sn.protected(ctx, func() error {
		associations, err = sn.ids(ctx, view, query, array(ids))
		return err
	})
	return associations, err
}

// Resolve runs the resolve statement of a watch for one key: rows of one id, or
// of an association and an address for kind address. The columns may have any
// type; a row with a NULL leads nowhere. A statement that fails is a ViewError.
func (sn *Snap) Resolve(ctx context.Context, statement string, key []string) (ids [][]string, err error) {
	err = sn.protected(ctx, func() error {
		const view = "rollcall.watches: a resolve statement"
		ids, err = sn.resolve(ctx, statement, key)
		if _, told := errors.AsType[*pgconn.PgError](err); err != nil && !told && ctx.Err() == nil && !sn.tx.Conn().IsClosed() {
			return &ViewError{View: view, Err: err} // such as parameters of another number
		}
		return sn.viewError(view, err)
	})
	return ids, err
}

func (sn *Snap) resolve(ctx context.Context, statement string, key []string) ([][]string, error) {
	args := []any{pgx.QueryResultFormats{pgx.TextFormatCode}} // for every column
	for _, v := range key {
		args = append(args, v)
	}
	rows, err := sn.tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids [][]string
	for rows.Next() {
		var id []string
		for _, value := range rows.RawValues() {
			if value != nil {
				id = append(id, string(value))
			}
		}
		if len(id) == len(rows.FieldDescriptions()) {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}

// RepsAt reads the reps that have one of the addresses now, and those named by
// id, each with its group memberships. A rep that the view shows more than
// once comes back once a row, every one marked unreadable.
func (sn *Snap) RepsAt(ctx context.Context, association string, addresses []mapper.Address, also []mapper.RepID) ([]*mapper.Rep, error) {
	rows, err := sn.tx.Query(ctx, sql.Query("source_rep_ids_by_address"), association, array(spellings(addresses)))
	if err != nil {
		return nil, fmt.Errorf("read rollcall.reps by address: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read rollcall.reps by address: %w", err)
	}
	for _, id := range also {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	reps, err := sn.reps(ctx, association, ids)
	if err != nil {
		return nil, err
	}
	if err := sn.memberships(ctx, association, ids, reps); err != nil {
		return nil, err
	}
	sn.src.tell(association, reps)
	return reps, nil
}

func (sn *Snap) reps(ctx context.Context, association string, ids []string) ([]*mapper.Rep, error) {
	rows, err := sn.tx.Query(ctx, sn.src.repsQuery(), association, array(ids))
	if err != nil {
		return nil, fmt.Errorf("read rollcall.reps: %w", err)
	}
	defer rows.Close()
	reps := make([]*mapper.Rep, 0, len(ids))
	first := make(map[mapper.RepID]*mapper.Rep, len(ids))
	for rows.Next() {
		var id string
		var member, email, firstName, lastName, company, job, status *string
		var phone, street, city, state, zip, country *string
		var active, optedOut, mailable *bool
		var types, custom []*string
		if err := rows.Scan(&id, &member, &email, &firstName, &lastName, &company, &job,
			&phone, &street, &city, &state, &zip, &country, &active, &status, &types, &optedOut, &mailable, &custom); err != nil {
			return nil, fmt.Errorf("read rollcall.reps: %w", err)
		}
		rep := &mapper.Rep{
			ID: mapper.RepID(id), MemberID: text(member), Email: text(email),
			FirstName: text(firstName), LastName: text(lastName), Company: text(company), JobTitle: text(job),
			Phone: text(phone), Street: text(street), City: text(city), State: text(state), Zip: text(zip), Country: text(country),
			Active: flag(active), MemberStatus: text(status), OptedOut: flag(optedOut), NotMailable: !flag(mailable),
			Groups: map[mapper.GroupID]bool{},
		}
		for _, t := range types {
			if t != nil {
				rep.MembershipTypes = append(rep.MembershipTypes, *t)
			}
		}
		if len(custom) > 0 {
			rep.Custom = make(map[string]string, len(custom))
			for i, value := range custom {
				rep.Custom[sn.src.custom[i]] = text(value)
			}
		}
		switch {
		case first[rep.ID] != nil:
			rep.Unreadable, first[rep.ID].Unreadable = "duplicate", "duplicate"
		case active == nil:
			rep.Unreadable = "active"
		case optedOut == nil:
			rep.Unreadable = "opted_out"
		case mailable == nil:
			rep.Unreadable = "mailable"
		}
		if first[rep.ID] == nil {
			first[rep.ID] = rep
		}
		reps = append(reps, rep)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read rollcall.reps: %w", err)
	}
	return reps, nil
}

func (sn *Snap) memberships(ctx context.Context, association string, ids []string, reps []*mapper.Rep) error {
	byID := make(map[mapper.RepID]*mapper.Rep, len(reps))
	for _, rep := range reps {
		byID[rep.ID] = rep
	}
	rows, err := sn.tx.Query(ctx, sql.Query("source_memberships_by_rep"), association, array(ids))
	if err != nil {
		return fmt.Errorf("read rollcall.group_members: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, group string
		var disabled *bool
		if err := rows.Scan(&id, &group, &disabled); err != nil {
			return fmt.Errorf("read rollcall.group_members: %w", err)
		}
		rep := byID[mapper.RepID(id)]
		if rep == nil {
			continue
		}
		if disabled == nil {
			if rep.Unreadable == "" {
				rep.Unreadable = "disabled"
			}
			continue
		}
		// A view may show a membership twice: one that is enabled is enough.
		before, twice := rep.Groups[mapper.GroupID(group)]
		rep.Groups[mapper.GroupID(group)] = *disabled && (!twice || before)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read rollcall.group_members: %w", err)
	}
	return nil
}

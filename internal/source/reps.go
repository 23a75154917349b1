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
	Rep         mapper.RepID // empty: the row has no id
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
		var association, rep, email *string
		var optedOut bool
		if err := rows.Scan(&association, &rep, &email, &optedOut); err != nil {
			return sn.viewError(view, err)
		}
		if association == nil {
			continue // nobody's list is for it
		}
		if err := each(RepRef{Association: *association, Rep: mapper.RepID(text(rep)), Email: text(email), OptedOut: optedOut}); err != nil {
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
	return sn.ids(ctx, "rollcall.groups", "select distinct association_id::text from rollcall.groups where group_id = any($1) and association_id is not null", array(groups))
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
// once comes back once a row, every one marked unreadable; and so does a row
// without an id, and a rep of whom the views cannot show some value.
func (sn *Snap) RepsAt(ctx context.Context, association string, addresses []mapper.Address, also []mapper.RepID) ([]*mapper.Rep, error) {
	ids, nameless, err := sn.atAddresses(ctx, association, addresses)
	if err != nil {
		return nil, err
	}
	for _, id := range also {
		ids = append(ids, string(id))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	reps, err := sn.readable(ctx, association, ids)
	if err != nil {
		return nil, err
	}
	reps = append(reps, nameless...)
	sn.src.tell(association, reps)
	return reps, nil
}

// atAddresses finds the ids of the reps that have one of the addresses, and the rows
// without an id that have one.
func (sn *Snap) atAddresses(ctx context.Context, association string, addresses []mapper.Address) (ids []string, nameless []*mapper.Rep, err error) {
	spellings, err := sn.spellings(ctx, addresses)
	if err != nil {
		return nil, nil, err
	}
	rows, err := sn.tx.Query(ctx, sql.Query("source_rep_ids_by_address"), association, array(spellings))
	if err != nil {
		return nil, nil, fmt.Errorf("read rollcall.reps by address: %w", err)
	}
	var id, email *string
	_, err = pgx.ForEachRow(rows, []any{&id, &email}, func() error {
		if id == nil {
			nameless = append(nameless, &mapper.Rep{Email: text(email), Unreadable: "rep_id", Groups: map[mapper.GroupID]bool{}})
		} else {
			ids = append(ids, *id)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read rollcall.reps by address: %w", err)
	}
	return ids, nameless, nil
}

// scanReps reads what repsQuery finds of so many ids.
func (s *Source) scanReps(rows pgx.Rows, ids int) ([]*mapper.Rep, error) {
	reps := make([]*mapper.Rep, 0, ids)
	first := make(map[mapper.RepID]*mapper.Rep, ids)
	for rows.Next() {
		var id string
		var member, email, firstName, lastName, company, job, status *string
		var phone, street, city, state, zip, country *string
		var active, optedOut, mailable *bool
		var types, custom []*string
		if err := rows.Scan(&id, &member, &email, &firstName, &lastName, &company, &job,
			&phone, &street, &city, &state, &zip, &country, &active, &status, &types, &optedOut, &mailable, &custom); err != nil {
			return nil, err
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
				rep.Custom[s.custom[i]] = text(value)
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
	return reps, rows.Err()
}

// scanMemberships notes what reps are in. asked are the ids that were looked for, in
// order: a membership of another is one whose id is equal to one of these and written
// otherwise, such as 1 and 1.00.
func scanMemberships(rows pgx.Rows, asked []string, reps map[mapper.RepID]*mapper.Rep) (otherwise bool, err error) {
	for rows.Next() {
		var id string
		var group *string
		var disabled *bool
		if err := rows.Scan(&id, &group, &disabled); err != nil {
			return false, err
		}
		rep := reps[mapper.RepID(id)]
		switch {
		case rep == nil:
			_, known := slices.BinarySearch(asked, id)
			otherwise = otherwise || !known
		case group == nil:
			mark(rep, "group_id")
		case disabled == nil:
			mark(rep, "disabled")
		default:
			// A view may show a membership twice: one that is enabled is enough.
			before, twice := rep.Groups[mapper.GroupID(*group)]
			rep.Groups[mapper.GroupID(*group)] = *disabled && (!twice || before)
		}
	}
	return otherwise, rows.Err()
}

// mark says why nothing is known of a rep, unless something says so already.
func mark(rep *mapper.Rep, problem string) {
	if rep.Unreadable == "" {
		rep.Unreadable = problem
	}
}

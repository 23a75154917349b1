package chamber

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/jackc/pgx/v5"
)

// epoch is the day from which invented dates count.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// generator puts the invented people into tables.
type generator struct {
	Options
	first map[string]int64 // table: first free key
}

// keys is a range of n keys of a table.
func (g generator) keys(table string, n int64) IDs {
	return IDs{First: g.first[table], Last: g.first[table] + n - 1}
}

func (g generator) fill(ctx context.Context, tx pgx.Tx) (Summary, error) {
	s := Summary{
		Associations: g.keys("association", int64(g.Associations)),
		Reps:         g.keys("rep", int64(g.Associations)*int64(g.Reps)),
		Groups:       g.keys("rep_group", int64(g.Associations)*int64(g.Groups)),
	}
	next := g.first["membership_type"]
	for a := range g.Associations {
		n := int64(len(typesOf(a)))
		s.Types = append(s.Types, IDs{First: next, Last: next + n - 1})
		next += n
	}

	var members int64
	for _, t := range []struct {
		table, key string // key: its identity column, empty when it has none
		columns    []string
		rows       iter.Seq[[]any]
		count      *int64
	}{
		{"association", "association_id", []string{"association_id", "name"}, g.associations(s), nil},
		{"sync_options", "", []string{"association_id", "sync_all_active", "sync_membership_types", "sync_groups", "time_zone"}, g.options(s), nil},
		{"membership_type", "membership_type_id", []string{"membership_type_id", "association_id", "name"}, g.types(s), nil},
		{"member", "member_id", []string{"member_id", "association_id", "name", "status", "joined_on", "dropped_on"}, g.members(s), &members},
		{"member_type", "", []string{"association_id", "member_id", "membership_type_id"}, g.memberTypes(s), nil},
		{"rep", "rep_id", []string{
			"rep_id", "association_id", "member_id", "first_name", "last_name", "job_title", "phone",
			"street", "city", "state", "zip", "country", "email", "active", "opted_out",
		}, g.reps(s), nil},
		{"rep_group", "group_id", []string{"group_id", "association_id", "name", "sync"}, g.groups(s), nil},
		{"group_membership", "", []string{"association_id", "group_id", "rep_id", "disabled"}, g.groupMemberships(s), &s.Memberships},
		{"opt_out", "opt_out_id", []string{"opt_out_id", "association_id", "email", "group_id", "opted_out_at", "withdrawn_at"}, g.optOuts(s), &s.OptOuts},
	} {
		n, err := copyRows(ctx, tx, t.table, t.columns, t.rows)
		if err != nil {
			return Summary{}, err
		}
		if t.count != nil {
			*t.count = n
		}
		if t.key == "" {
			continue
		}
		if err := moveIdentity(ctx, tx, t.table, t.key); err != nil {
			return Summary{}, err
		}
	}
	s.Members = g.keys("member", members)
	return s, nil
}

func copyRows(ctx context.Context, tx pgx.Tx, table string, columns []string, rows iter.Seq[[]any]) (int64, error) {
	next, stop := iter.Pull(rows)
	defer stop()
	n, err := tx.CopyFrom(ctx, pgx.Identifier{"chamber", table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, _ := next() // nil at the end
		return row, nil
	}))
	if err != nil {
		return 0, fmt.Errorf("copy to chamber.%s: %w", table, err)
	}
	return n, nil
}

// moveIdentity lets the next inserted row take the key behind the copied ones.
func moveIdentity(ctx context.Context, tx pgx.Tx, table, key string) error {
	statement := fmt.Sprintf("select setval(pg_get_serial_sequence('chamber.%[1]s', '%[2]s'), coalesce(max(%[2]s), 0) + 1, false) from chamber.%[1]s", table, key)
	if _, err := tx.Exec(ctx, statement); err != nil {
		return fmt.Errorf("move identity of chamber.%s: %w", table, err)
	}
	return nil
}

func (g generator) associations(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for a := range g.Associations {
			if !yield([]any{s.Associations.First + int64(a), associationName(a)}) {
				return
			}
		}
	}
}

func (g generator) options(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for a := range g.Associations {
			if !yield([]any{s.Associations.First + int64(a), true, true, true, zones[a%len(zones)]}) {
				return
			}
		}
	}
}

func (g generator) types(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for a := range g.Associations {
			for i, name := range typesOf(a) {
				if !yield([]any{s.Types[a].First + int64(i), s.Associations.First + int64(a), name}) {
					return
				}
			}
		}
	}
}

// placed is a household with the keys it gets.
type placed struct {
	household
	associationID int64
	memberID      any // nil for a person who stands alone
	firstRep      int64
}

// each yields all households of all associations.
func (g generator) each(s Summary) iter.Seq[placed] {
	return func(yield func(placed) bool) {
		member, rep := g.first["member"], g.first["rep"]
		for a := range g.Associations {
			for h := range g.households(a) {
				p := placed{household: h, associationID: s.Associations.First + int64(a), firstRep: rep}
				if h.name != "" {
					p.memberID = member
					member++
				}
				rep += int64(len(h.people))
				if !yield(p) {
					return
				}
			}
		}
	}
}

func (g generator) members(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for p := range g.each(s) {
			if p.memberID != nil && !yield([]any{p.memberID, p.associationID, p.name, p.status, day(p.joined), day(p.dropped)}) {
				return
			}
		}
	}
}

// day turns days after the epoch into a date, 0 into none.
func day(n int) any {
	if n == 0 {
		return nil
	}
	return epoch.AddDate(0, 0, n)
}

func (g generator) memberTypes(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for p := range g.each(s) {
			for _, t := range p.types {
				if !yield([]any{p.associationID, p.memberID, s.Types[p.association].First + int64(t)}) {
					return
				}
			}
		}
	}
}

func (g generator) reps(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		for p := range g.each(s) {
			for i, who := range p.people {
				if !yield([]any{
					p.firstRep + int64(i), p.associationID, p.memberID, who.firstName, who.lastName, who.jobTitle, p.phone,
					p.street, p.city, p.state, p.zip, p.country, who.email, who.active, who.optedOut,
				}) {
					return
				}
			}
		}
	}
}

func (g generator) groups(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		id := s.Groups.First
		for a := range g.Associations {
			for i := range g.Groups {
				made := g.groupAt(a, i)
				if !yield([]any{id, s.Associations.First + int64(a), made.name, made.sync}) {
					return
				}
				id++
			}
		}
	}
}

func (g generator) groupMemberships(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		id := s.Groups.First
		for a := range g.Associations {
			reps := s.Reps.part(int64(a), int64(g.Associations))
			for i := range g.Groups {
				for rep, disabled := range g.memberships(a, i) {
					if !yield([]any{s.Associations.First + int64(a), id, reps.First + int64(rep), disabled}) {
						return
					}
				}
				id++
			}
		}
	}
}

func (g generator) optOuts(s Summary) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		id := g.first["opt_out"]
		for p := range g.each(s) {
			groups := s.Groups.part(int64(p.association), int64(g.Associations))
			for i, who := range p.people {
				if who.optOut.email == "" {
					continue
				}
				at := epoch.AddDate(20, 0, i)
				var inGroup, withdrawn any
				if who.optOut.group >= 0 {
					inGroup = groups.First + int64(who.optOut.group)
				}
				if who.optOut.withdrawn {
					withdrawn = at.AddDate(0, 1, 0)
				}
				if !yield([]any{id, p.associationID, who.optOut.email, inGroup, at, withdrawn}) {
					return
				}
				id++
			}
		}
	}
}

package chamber_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/mapper"
)

// Two readings of docs/semantics.md, one in SQL and one in Go, must agree on a
// chamber at work.
func TestPlannerAgreesWithExpected(t *testing.T) {
	conn := database(t)
	s := generate(t, conn, chamber.Options{Seed: 9, Associations: 2, Reps: 600, Groups: 15})
	for change := range chamber.Changes(9, s, 3000) {
		apply(t, conn, change)
	}
	all, err := chamber.Expected(context.Background(), conn)
	if err != nil {
		t.Fatal(err)
	}
	planned := make(map[int64]map[string]mapper.Verdict)
	for association := s.Associations.First; association <= s.Associations.Last; association++ {
		planned[association] = verdicts(t, conn, association, all)
	}
	counts := make(map[bool]int)
	for _, e := range all {
		want := mapper.Off
		if e.On {
			want = mapper.On
		}
		if got := planned[e.Association][e.List+" "+e.Address]; got != want {
			t.Errorf("%d %s %s: the planner says %q, Expected %q", e.Association, e.List, e.Address, got, want)
		}
		delete(planned[e.Association], e.List+" "+e.Address)
		counts[e.On]++
	}
	if counts[true] < 500 || counts[false] < 500 {
		t.Errorf("%d on, %d off: too few to tell", counts[true], counts[false])
	}
	for association, rest := range planned {
		for pair, verdict := range rest {
			if verdict == mapper.On {
				t.Errorf("%d %s: the planner says on, Expected nothing", association, pair)
			}
		}
	}
}

// verdicts are the planner's, by list name and address, for everybody in the
// association's views and everybody whom Expected speaks of.
func verdicts(t *testing.T, conn *pgx.Conn, association int64, all []chamber.Expectation) map[string]mapper.Verdict {
	t.Helper()
	in := mapper.Input{Connected: true, Explain: true} // about every list
	people := make(map[mapper.Address]*mapper.Person)
	person := func(address mapper.Address) *mapper.Person {
		if people[address] == nil {
			people[address] = &mapper.Person{Address: address, OptOutGroups: make(map[mapper.GroupID]bool)}
		}
		return people[address]
	}
	for _, e := range all {
		if e.Association == association {
			person(mapper.Address(e.Address))
		}
	}

	each(t, conn, "select newsletter_solution, sync_all_active, sync_membership_types, sync_groups from rollcall.options where association_id = $1", association,
		func(scan func(...any) error) error {
			return scan(&in.Options.NewsletterSolution, &in.Options.SyncAllActive, &in.Options.SyncMembershipTypes, &in.Options.SyncGroups)
		})
	each(t, conn, "select group_id::text, name, sync from rollcall.groups where association_id = $1", association, func(scan func(...any) error) error {
		var g mapper.Group
		err := scan(&g.ID, &g.Name, &g.Sync)
		in.Groups = append(in.Groups, g)
		return err
	})
	memberships := make(map[mapper.RepID]map[mapper.GroupID]bool)
	each(t, conn, "select rep_id::text, group_id::text, disabled from rollcall.group_members where association_id = $1", association, func(scan func(...any) error) error {
		var rep mapper.RepID
		var group mapper.GroupID
		var disabled bool
		err := scan(&rep, &group, &disabled)
		if memberships[rep] == nil {
			memberships[rep] = make(map[mapper.GroupID]bool)
		}
		memberships[rep][group] = disabled
		return err
	})
	each(t, conn, `select rep_id::text, email, active, coalesce(member_status, ''), membership_types, opted_out
		from rollcall.reps where association_id = $1 and email is not null`, association, func(scan func(...any) error) error {
		var rep mapper.Rep
		err := scan(&rep.ID, &rep.Email, &rep.Active, &rep.MemberStatus, &rep.MembershipTypes, &rep.OptedOut)
		rep.Groups = memberships[rep.ID]
		if address, reason := mapper.Normalize(rep.Email); reason == "" {
			holder := person(address)
			holder.Holders = append(holder.Holders, rep)
		}
		return err
	})
	each(t, conn, "select email, group_id::text from rollcall.opt_outs where association_id = $1", association, func(scan func(...any) error) error {
		var email string
		var group *mapper.GroupID
		err := scan(&email, &group)
		if address, reason := mapper.Normalize(email); reason == "" {
			if group == nil {
				person(address).OptOutAll = true
			} else {
				person(address).OptOutGroups[*group] = true
			}
		}
		return err
	})
	for _, p := range people {
		in.People = append(in.People, *p)
	}

	out := mapper.Plan(in)
	names := make(map[mapper.ListKey]string)
	for _, list := range out.Lists {
		names[list.Key] = list.Name
	}
	verdicts := make(map[string]mapper.Verdict)
	for _, d := range out.Decisions {
		verdicts[fmt.Sprintf("%s %s", names[d.List], d.Address)] = d.Verdict
	}
	return verdicts
}

// each calls read for every row of a query about one association.
func each(t *testing.T, conn *pgx.Conn, query string, association int64, read func(scan func(...any) error) error) {
	t.Helper()
	rows, err := conn.Query(context.Background(), query, association)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

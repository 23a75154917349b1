package schemas_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
)

// shown is what the views of the contract show: rows by view and key, as text.
// Under seen are the addresses that anybody was ever seen with.
type shown map[string]map[string]row

// row is a row of a view, or several with the same key.
type row struct {
	association string
	rep, group  string
	emails      []string
	text        string
}

// contractViews are the views, with the expression of the row's key, rep, group and
// e-mail.
var contractViews = map[string][4]string{
	"reps":             {"association_id::text || ' ' || rep_id::text", "rep_id::text", "''", "coalesce(email::text, '')"},
	"groups":           {"association_id::text || ' ' || group_id::text", "''", "group_id::text", "''"},
	"group_members":    {"association_id::text || ' ' || group_id::text || ' ' || rep_id::text", "rep_id::text", "group_id::text", "''"},
	"options":          {"association_id::text", "''", "''", "''"},
	"opt_outs":         {"association_id::text || ' ' || coalesce(email::text, '') || ' ' || coalesce(group_id::text, '')", "''", "''", "coalesce(email::text, '')"},
	"membership_types": {"association_id::text || ' ' || type_id::text", "''", "''", "''"},
}

func (r *running) shown(t *testing.T) shown {
	t.Helper()
	all := shown{"seen": {}}
	rows, _ := r.conn.Query(context.Background(), "select association, address from rollcall_state.rep_seen")
	var association, address string
	if _, err := pgx.ForEachRow(rows, []any{&association, &address}, func() error {
		all["seen"][association+" "+address] = row{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for view, e := range contractViews {
		var there bool
		if err := r.conn.QueryRow(context.Background(), "select to_regclass('rollcall.' || $1) is not null", view).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if !there {
			continue
		}
		all[view] = map[string]row{}
		ids := "association_id::text <> ''" // what is empty is no id
		for _, id := range e[1:3] {
			if id != "''" {
				ids += " and " + id + " <> ''"
			}
		}
		rows, _ := r.conn.Query(context.Background(), fmt.Sprintf("select %s, association_id::text, %s, %s, %s, v::text from rollcall.%s v where %[1]s is not null and %[6]s order by v::text", e[0], e[1], e[2], e[3], view, ids))
		var key, email, text string
		var one row
		if _, err := pgx.ForEachRow(rows, []any{&key, &one.association, &one.rep, &one.group, &email, &text}, func() error {
			had := all[view][key]
			one.emails, one.text = append(slices.Clone(had.emails), email), had.text+text
			all[view][key] = one
			return nil
		}); err != nil {
			t.Fatalf("read rollcall.%s: %v", view, err)
		}
	}
	return all
}

// missed lists what two looks show differently and nobody has been told to look
// at, and counts what they show differently.
func missed(before, after shown, dirty map[[2]string]bool) (list []string, differ int) {
	miss := func(view, key, association, address string) {
		if !dirty[[2]string{association, address}] {
			list = append(list, fmt.Sprintf("rollcall.%s %s: %q", view, key, address))
		}
	}
	for view := range contractViews {
		keys := map[string]bool{}
		for key := range before[view] {
			keys[key] = true
		}
		for key := range after[view] {
			keys[key] = true
		}
		for key := range keys {
			was, there := before[view][key]
			is, here := after[view][key]
			if was.text == is.text && there == here {
				continue
			}
			differ++
			association := was.association + is.association
			if there && here {
				association = is.association
			}
			switch view {
			case "opt_outs":
				// It concerns nobody where nobody has the address, or had it.
				for _, email := range append(slices.Clone(was.emails), is.emails...) {
					address, problem := mapper.Normalize(email)
					if _, ever := after["seen"][association+" "+string(address)]; ever && problem == "" {
						miss(view, key, association, string(address))
					}
				}
			case "reps":
				for _, email := range append(slices.Clone(was.emails), is.emails...) {
					if address, problem := mapper.Normalize(email); problem == "" {
						miss(view, key, association, string(address))
					}
				}
			case "group_members":
				rep := was.rep
				if here {
					rep = is.rep
				}
				for _, look := range []shown{before, after} {
					for _, email := range look["reps"][association+" "+rep].emails {
						if address, problem := mapper.Normalize(email); problem == "" {
							miss(view, key, association, string(address))
						}
					}
				}
			case "groups", "membership_types":
				// The lists themselves. Without options the association wants none.
				if _, wants := after["options"][association]; wants {
					miss(view, key, association, "")
				}
			case "options":
				for _, rep := range after["reps"] {
					for _, email := range rep.emails {
						if address, problem := mapper.Normalize(email); problem == "" && rep.association == association {
							miss(view, key, association, string(address))
						}
					}
				}
				if here {
					miss(view, key, association, "")
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list), differ
}

func listed(lines []string) string {
	return strings.Join(lines[:min(len(lines), 10)], "\n\t")
}

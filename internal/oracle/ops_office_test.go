package oracle

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

// Small universes, so that everything meets everything.
var (
	addresses = []string{"ann@example.org", "bob@example.org", "cat@example.org", "dan@example.org"}
	foreign   = []string{"eve@example.org", "fay@example.org"} // nobody in the database begins with one
	spellings = []string{"Ann@Example.org", " bob@example.org ", "", "nonsense", "ann@example.org, bob@example.org"}
	statuses  = []string{"active", "courtesy", "courtesy", "prospect", "dropped"}
)

const (
	mostReps   = 4
	mostGroups = 3
)

// chore is one thing that the office does in the database; it tells of
// it, or nothing when there was nothing to do it to.
type chore struct {
	name string
	do   func(t *rapid.T, o *office, db *rows) string
}

// officeWork is what the office does, the likelier things several times.
var officeWork = slices.Concat(
	times(4, chore{"add rep", addRep}),
	times(2, chore{"delete rep", deleteRep}),
	times(6, chore{"change e-mail", changeEmail}),
	times(2, chore{"leave group and change e-mail", leaveAndChange}),
	times(1, chore{"swap e-mails", swapEmails}),
	times(4, chore{"opt out or in", flipOptOut}),
	times(1, chore{"re-create rep", recreateRep}),
	times(2, chore{"flip active", flipActive}),
	times(2, chore{"member status", setStatus}),
	times(2, chore{"member type", flipType}),
	times(1, chore{"change member", changeMember}),
	times(6, chore{"group row", setGroupRow}),
	times(3, chore{"drop group row", dropGroupRow}),
	times(2, chore{"tick", flipTick}),
	times(1, chore{"options", flipOption}),
	times(1, chore{"add group", addGroup}),
	times(1, chore{"delete group", deleteGroup}),
	times(2, chore{"rename group", renameGroup}),
	times(1, chore{"rename type", renameType}),
	times(2, chore{"opt-out row", addOptOut}),
	times(2, chore{"take opt-out back", withdrawOptOut}),
	times(1, chore{"spoil row", flipSpoiled}),
	times(2, chore{"job title", changeTitle}),
)

func times[T any](n int, one T) (many []T) {
	for range n {
		many = append(many, one)
	}
	return many
}

// pick draws a place and not the thing, whose text would fill the report.
func pick[T any](t *rapid.T, label string, from []T) T {
	return from[rapid.IntRange(0, len(from)-1).Draw(t, label)]
}

func chance(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

func email(t *rapid.T) string {
	if rapid.IntRange(0, 5).Draw(t, "spelling") == 0 {
		return pick(t, "email", spellings)
	}
	return pick(t, "email", addresses)
}

func addRep(t *rapid.T, o *office, db *rows) string {
	if len(o.reps) >= mostReps {
		return ""
	}
	var m *member
	if rapid.IntRange(0, 4).Draw(t, "alone") > 0 {
		m = pick(t, "member", o.members)
	}
	r := o.addRep(db, m, email(t))
	for _, g := range o.groups {
		if chance(t, "in "+g.name) {
			o.setRow(db, r, g, false)
		}
	}
	return r.String()
}

func someRep(t *rapid.T, o *office) *rep {
	if len(o.reps) == 0 {
		return nil
	}
	return pick(t, "rep", o.reps)
}

func deleteRep(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	o.deleteRep(db, r)
	return r.String()
}

// recreateRep deletes a rep and makes one with the same address, who has opted
// out of nothing.
func recreateRep(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	o.deleteRep(db, r)
	again := o.addRep(db, r.member, r.email)
	for _, g := range o.groups {
		if disabled, row := r.rows[g.nth]; row {
			o.setRow(db, again, g, disabled)
		}
	}
	return again.String()
}

func changeEmail(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	return changeEmailOf(t, o, db, r)
}

func changeEmailOf(t *rapid.T, o *office, db *rows, r *rep) string {
	to := email(t)
	if chance(t, "to a free one") {
		for _, a := range addresses {
			if len(o.holders(a)) == 0 {
				to = a
			}
		}
	}
	o.setEmail(db, r, to)
	return r.String()
}

// leaveAndChange is a rep who is taken out of a group and gets another address:
// the list goes along.
func leaveAndChange(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	for _, g := range o.groups {
		if _, row := r.rows[g.nth]; row {
			o.dropRow(db, r, g)
			break
		}
	}
	return changeEmailOf(t, o, db, r)
}

func swapEmails(t *rapid.T, o *office, db *rows) string {
	if len(o.reps) < 2 {
		return ""
	}
	i := rapid.IntRange(0, len(o.reps)-2).Draw(t, "first")
	a, b := o.reps[i], o.reps[i+1]
	first, second := a.email, b.email
	o.setEmail(db, a, second)
	o.setEmail(db, b, first)
	return a.String() + ", " + b.String()
}

func flipOptOut(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	r.optedOut = !r.optedOut
	db.exec(`update chamber.rep set opted_out = $2 where rep_id = $1`, r.id, r.optedOut)
	return r.String()
}

func flipActive(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	r.active = !r.active
	db.exec(`update chamber.rep set active = $2 where rep_id = $1`, r.id, r.active)
	return r.String()
}

func flipSpoiled(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	r.spoiled = !r.spoiled
	title := "Baker"
	if r.spoiled {
		title = unreadable
	}
	db.exec(`update chamber.rep set job_title = $2 where rep_id = $1`, r.id, title)
	return r.String()
}

func changeTitle(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil || r.spoiled {
		return ""
	}
	db.exec(`update chamber.rep set job_title = $2 where rep_id = $1`, r.id, pick(t, "title", []string{"Baker", "Owner", "Clerk"}))
	return r.String()
}

func changeMember(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil {
		return ""
	}
	r.member = pick(t, "member", o.members)
	db.exec(`update chamber.rep set member_id = $2 where rep_id = $1`, r.id, r.member.id)
	return r.String()
}

func setStatus(t *rapid.T, o *office, db *rows) string {
	m := pick(t, "member", o.members)
	m.status = pick(t, "status", statuses)
	db.exec(`update chamber.member set status = $2 where member_id = $1`, m.id, m.status)
	return fmt.Sprint("member of ", m.types, " is ", m.status)
}

func flipType(t *rapid.T, o *office, db *rows) string {
	m, k := pick(t, "member", o.members), pick(t, "type", o.types)
	if m.types[k.nth] {
		db.exec(`delete from chamber.member_type where member_id = $1 and membership_type_id = $2`, m.id, k.id)
	} else {
		db.exec(`insert into chamber.member_type (association_id, member_id, membership_type_id) values ($1, $2, $3)`, o.association, m.id, k.id)
	}
	m.types[k.nth] = !m.types[k.nth]
	return fmt.Sprint("member has types ", m.types)
}

func setGroupRow(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil || len(o.groups) == 0 {
		return ""
	}
	o.setRow(db, r, pick(t, "group", o.groups), chance(t, "disabled"))
	return r.String()
}

func dropGroupRow(t *rapid.T, o *office, db *rows) string {
	r := someRep(t, o)
	if r == nil || len(o.groups) == 0 {
		return ""
	}
	o.dropRow(db, r, pick(t, "group", o.groups))
	return r.String()
}

func flipTick(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	g.sync = !g.sync
	db.exec(`update chamber.rep_group set sync = $2 where group_id = $1`, g.id, g.sync)
	return fmt.Sprintf("group %d: %v", g.nth, g.sync)
}

func flipOption(t *rapid.T, o *office, db *rows) string {
	which := rapid.IntRange(0, 4).Draw(t, "which")
	if o.options == nil {
		which = 4
	}
	switch which {
	case 0:
		o.options.allActive = !o.options.allActive
	case 1:
		o.options.typeLists = !o.options.typeLists
	case 2:
		o.options.groupLists = !o.options.groupLists
	case 3:
		if o.options.newsletter == constantContact {
			o.options.newsletter = "Another"
		} else {
			o.options.newsletter = constantContact
		}
	case 4:
		if o.options != nil {
			o.options = nil
			db.exec(`delete from chamber.sync_options where association_id = $1`, o.association)
			return fmt.Sprintf("%+v", o.options)
		}
		o.options = &options{newsletter: constantContact, allActive: true, typeLists: true, groupLists: true}
	}
	db.exec(`insert into chamber.sync_options (association_id, newsletter_solution, sync_all_active, sync_membership_types, sync_groups)
		values ($1, $2, $3, $4, $5) on conflict (association_id) do update set newsletter_solution = excluded.newsletter_solution,
		sync_all_active = excluded.sync_all_active, sync_membership_types = excluded.sync_membership_types, sync_groups = excluded.sync_groups`,
		o.association, o.options.newsletter, o.options.allActive, o.options.typeLists, o.options.groupLists)
	return fmt.Sprintf("%+v", o.options)
}

func addGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) >= mostGroups {
		return ""
	}
	name := fmt.Sprint("Committee ", o.serial)
	if len(o.goneNames) > 0 && chance(t, "again") {
		name, o.goneNames = o.goneNames[0], o.goneNames[1:]
	}
	return o.addGroup(db, name).name
}

func deleteGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	o.deleteGroup(db, g)
	o.goneNames = append(o.goneNames, g.name)
	return fmt.Sprintf("group %d", g.nth)
}

func (o *office) newName() string {
	o.serial++
	return fmt.Sprint("Circle ", o.serial)
}

func renameGroup(t *rapid.T, o *office, db *rows) string {
	if len(o.groups) == 0 {
		return ""
	}
	g := pick(t, "group", o.groups)
	g.name = o.newName()
	db.exec(`update chamber.rep_group set name = $2 where group_id = $1`, g.id, g.name)
	o.renamed(mirror{what: "group", nth: g.nth})
	return fmt.Sprintf("group %d: %s", g.nth, g.name)
}

func renameType(t *rapid.T, o *office, db *rows) string {
	k := pick(t, "type", o.types)
	k.name = o.newName()
	db.exec(`update chamber.membership_type set name = $2 where membership_type_id = $1`, k.id, k.name)
	o.renamed(mirror{what: "type", nth: k.nth})
	return fmt.Sprintf("type %d: %s", k.nth, k.name)
}

func addOptOut(t *rapid.T, o *office, db *rows) string {
	out := &optOut{email: email(t)}
	if address(out.email) == "" {
		return ""
	}
	var id *int64
	if chance(t, "of a group") && len(o.groups) > 0 {
		g := pick(t, "group", o.groups)
		out.group, id = g.nth, &g.id
	}
	out.id = db.insert(`insert into chamber.opt_out (association_id, email, group_id, opted_out_at) values ($1, $2, $3, '2031-01-01') returning opt_out_id`,
		o.association, out.email, id)
	o.optOuts = append(o.optOuts, out)
	return fmt.Sprintf("%+v", *out)
}

func withdrawOptOut(t *rapid.T, o *office, db *rows) string {
	open := slices.DeleteFunc(slices.Clone(o.optOuts), func(out *optOut) bool { return out.withdrawn })
	if len(open) == 0 {
		return ""
	}
	out := pick(t, "opt-out", open)
	out.withdrawn = true
	db.exec(`update chamber.opt_out set withdrawn_at = '2031-02-01' where opt_out_id = $1`, out.id)
	return fmt.Sprintf("%+v", *out)
}

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
	times(1, chore{"two opt out", twoOptOut}),
	times(1, chore{"re-create rep", recreateRep}),
	times(2, chore{"bring rep back", bringRepBack}),
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

// bringRepBack makes a rep again under the id of one who was deleted.
func bringRepBack(t *rapid.T, o *office, db *rows) string {
	if len(o.gone) == 0 || len(o.reps) >= mostReps {
		return ""
	}
	r := pick(t, "gone", o.gone)
	to := r.email
	if rapid.IntRange(0, 3).Draw(t, "elsewhere") == 0 {
		to = email(t)
	}
	again := o.bringBack(db, r, to)
	for _, g := range o.groups {
		if chance(t, "in "+g.name) {
			o.setRow(db, again, g, false)
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
	o.setOptOut(db, r, !r.optedOut)
	return r.String()
}

// twoOptOut may leave nobody on a list, which holds none of it.
func twoOptOut(t *rapid.T, o *office, db *rows) string {
	if len(o.reps) < 2 {
		return ""
	}
	i := rapid.IntRange(0, len(o.reps)-2).Draw(t, "first")
	o.setOptOut(db, o.reps[i], true)
	o.setOptOut(db, o.reps[i+1], true)
	return o.reps[i].String() + ", " + o.reps[i+1].String()
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

package oracle

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// office is the member database of one association as the oracle remembers it:
// every statement that it commits is also done here.
type office struct {
	association int64
	options     *options // nil: no row
	members     []*member
	types       []*kind
	reps        []*rep
	groups      []*group
	optOuts     []*optOut
	goneNames   []string     // of groups that were deleted
	gone        []*rep       // who may come back under their ids
	renamed     func(mirror) // is told of new names
	serial      int          // of reps and groups made
}

type options struct {
	newsletter                       string
	allActive, typeLists, groupLists bool
}

type member struct {
	id     int64
	status string
	types  map[int]bool // by kind.nth
}

// Types and groups are named by the order in which they were made: ids of the
// database differ from check to check, and a failure must read the same when it
// is repeated.
type kind struct {
	nth  int
	id   int64
	name string
}

type rep struct {
	nth      int
	id       int64
	member   *member // nil: stands alone
	email    string
	active   bool
	optedOut bool
	spoiled  bool         // the row carries no information
	rows     map[int]bool // group.nth → disabled
}

// String is the row as a failure tells of it.
func (r *rep) String() string {
	status := "none"
	if r.member != nil {
		status = fmt.Sprint(r.member.status, r.member.types)
	}
	return fmt.Sprintf("rep %d %q active %v member %s opted out %v spoiled %v rows %v", r.nth, r.email, r.active, status, r.optedOut, r.spoiled, r.rows)
}

type group struct {
	nth  int
	id   int64
	name string
	sync bool
}

type optOut struct {
	id        int64
	email     string
	group     int // group.nth; 0: all mail
	withdrawn bool
}

var wellFormed = regexp.MustCompile(`^[a-z0-9.]+@[a-z0-9]+(\.[a-z0-9]+)+$`)

// address is the key of a contact: trimmed and lower-cased; empty when the
// text is not one well-formed address.
func address(email string) string {
	a := strings.ToLower(strings.Trim(email, " \t\n\r\f\v"))
	if !wellFormed.MatchString(a) {
		return ""
	}
	return a
}

func (r *rep) address() string { return address(r.email) }

// activeHolder: the rep is active and the member is active or courtesy.
func (r *rep) activeHolder() bool {
	return r.active && r.member != nil && (r.member.status == "active" || r.member.status == "courtesy")
}

// holders are the reps who have the address now.
func (o *office) holders(a string) (holders []*rep) {
	for _, r := range o.reps {
		if a != "" && r.address() == a {
			holders = append(holders, r)
		}
	}
	return holders
}

func (o *office) group(nth int) *group {
	i := slices.IndexFunc(o.groups, func(g *group) bool { return g.nth == nth })
	if i < 0 {
		return nil
	}
	return o.groups[i]
}

func (o *office) rep(nth int) *rep {
	i := slices.IndexFunc(o.reps, func(r *rep) bool { return r.nth == nth })
	if i < 0 {
		return nil
	}
	return o.reps[i]
}

func (o *office) kind(nth int) *kind {
	i := slices.IndexFunc(o.types, func(k *kind) bool { return k.nth == nth })
	if i < 0 {
		return nil
	}
	return o.types[i]
}

// optedOutByRow says whether an opt-out kept by address stands for all mail
// (group 0) or for one group.
func (o *office) optedOutByRow(a string, group int) bool {
	return slices.ContainsFunc(o.optOuts, func(out *optOut) bool {
		return !out.withdrawn && out.group == group && address(out.email) == a
	})
}

// openOffice makes an association with what every check begins with.
func openOffice(ctx context.Context, b *bench) (*office, error) {
	o := &office{options: &options{newsletter: constantContact, allActive: true, typeLists: true, groupLists: true}}
	db := rows{ctx: ctx, b: b}
	o.association = db.insert(`insert into chamber.association (name) values ('Harbour') returning association_id`)
	db.exec(`insert into chamber.sync_options (association_id, sync_all_active, sync_membership_types, sync_groups) values ($1, true, true, true)`, o.association)
	for i, name := range []string{"Gold", "Silver"} {
		id := db.insert(`insert into chamber.membership_type (association_id, name) values ($1, $2) returning membership_type_id`, o.association, name)
		o.types = append(o.types, &kind{i + 1, id, name})
	}
	for i, status := range []string{"active", "courtesy"} {
		id := db.insert(`insert into chamber.member (association_id, name, status) values ($1, $2, $3) returning member_id`, o.association, fmt.Sprint("Member ", i), status)
		m := &member{id: id, status: status, types: map[int]bool{o.types[i].nth: true}}
		db.exec(`insert into chamber.member_type (association_id, member_id, membership_type_id) values ($1, $2, $3)`, o.association, id, o.types[i].id)
		o.members = append(o.members, m)
	}
	for _, name := range []string{"Board", "Events"} {
		o.addGroup(&db, name)
	}
	return o, db.err
}

const constantContact = "ConstantContact"

// rows runs statements until one fails.
type rows struct {
	ctx context.Context
	b   *bench
	err error
}

func (db *rows) insert(sql string, args ...any) (id int64) {
	if db.err == nil {
		db.b.behind = true
		db.err = db.b.admin.QueryRow(db.ctx, sql, args...).Scan(&id)
	}
	return id
}

func (db *rows) exec(sql string, args ...any) {
	if db.err == nil {
		db.b.behind = true
		_, db.err = db.b.admin.Exec(db.ctx, sql, args...)
	}
}

func (o *office) addGroup(db *rows, name string) *group {
	o.serial++
	g := &group{nth: o.serial, name: name, sync: true}
	g.id = db.insert(`insert into chamber.rep_group (association_id, name) values ($1, $2) returning group_id`, o.association, name)
	o.groups = append(o.groups, g)
	return g
}

func (o *office) addRep(db *rows, m *member, email string) *rep {
	o.serial++
	r := &rep{nth: o.serial, member: m, email: email, active: true, rows: map[int]bool{}}
	var memberID *int64
	if m != nil {
		memberID = &m.id
	}
	r.id = db.insert(`insert into chamber.rep (association_id, member_id, email, first_name, last_name, job_title)
		values ($1, $2, $3, 'Ann', 'Lang', 'Baker') returning rep_id`, o.association, memberID, email)
	o.reps = append(o.reps, r)
	return r
}

func (o *office) deleteRep(db *rows, r *rep) {
	db.exec(`delete from chamber.rep where rep_id = $1`, r.id)
	o.reps = slices.DeleteFunc(o.reps, func(other *rep) bool { return other == r })
	o.gone = append(o.gone, r)
}

// bringBack makes a rep of the id of one who was deleted, and who has opted out of
// nothing.
func (o *office) bringBack(db *rows, r *rep, email string) *rep {
	again := &rep{nth: r.nth, id: r.id, member: r.member, email: email, active: true, rows: map[int]bool{}}
	var memberID *int64
	if r.member != nil {
		memberID = &r.member.id
	}
	db.exec(`insert into chamber.rep (rep_id, association_id, member_id, email, first_name, last_name, job_title)
		overriding system value values ($1, $2, $3, nullif($4, ''), 'Ann', 'Lang', 'Baker')`, r.id, o.association, memberID, email)
	o.gone = slices.DeleteFunc(o.gone, func(other *rep) bool { return other == r })
	o.reps = append(o.reps, again)
	return again
}

func (o *office) deleteGroup(db *rows, g *group) {
	db.exec(`delete from chamber.rep_group where group_id = $1`, g.id)
	o.groups = slices.DeleteFunc(o.groups, func(other *group) bool { return other == g })
	o.optOuts = slices.DeleteFunc(o.optOuts, func(out *optOut) bool { return out.group == g.nth })
	for _, r := range o.reps {
		delete(r.rows, g.nth)
	}
}

func (o *office) setRow(db *rows, r *rep, g *group, disabled bool) {
	db.exec(`insert into chamber.group_membership (association_id, group_id, rep_id, disabled) values ($1, $2, $3, $4)
		on conflict (group_id, rep_id) do update set disabled = excluded.disabled`, o.association, g.id, r.id, disabled)
	r.rows[g.nth] = disabled
}

func (o *office) dropRow(db *rows, r *rep, g *group) {
	db.exec(`delete from chamber.group_membership where group_id = $1 and rep_id = $2`, g.id, r.id)
	delete(r.rows, g.nth)
}

func (o *office) setOptOut(db *rows, r *rep, optedOut bool) {
	db.exec(`update chamber.rep set opted_out = $2 where rep_id = $1`, r.id, optedOut)
	r.optedOut = optedOut
}

func (o *office) setEmail(db *rows, r *rep, email string) {
	db.exec(`update chamber.rep set email = nullif($2, '') where rep_id = $1`, r.id, email)
	r.email = email
}

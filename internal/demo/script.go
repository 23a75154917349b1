package demo

// The lists that the script looks at, by their names in Constant Contact.
const (
	everybody = "All Active and Courtesy Representatives"
	harbour   = "Harbour Partner" // a membership type that only the cast has
	committee = "Lantern Parade Committee"
	board     = "Harbour Board"
)

// cast are the people of the script, entered before the first sync: a member
// with the membership type Harbour Partner, its reps, a ticked and an unticked
// group. $1 is the association.
const cast = `
with type as (
    insert into chamber.membership_type (association_id, name) values ($1, 'Harbour Partner') returning membership_type_id
), member as (
    insert into chamber.member (association_id, name, status, joined_on) values ($1, 'Harbour Light Bakery', 'active', '2021-03-01') returning member_id
), lapsing as (
    insert into chamber.member (association_id, name, status, joined_on) values ($1, 'Old Mill Print', 'active', '2019-07-01') returning member_id
), types as (
    insert into chamber.member_type (association_id, member_id, membership_type_id)
    select $1, member_id, membership_type_id from (select member_id from member union all select member_id from lapsing) m, type
), reps as (
    insert into chamber.rep (association_id, member_id, first_name, last_name, job_title, email)
    select $1, case when p.mill then lapsing.member_id else member.member_id end, p.first, p.last, p.job, p.email
    from member, lapsing, (values
        ('Nora',  'Quist',   'Owner',       'nora.quist@example.org', false),
        ('Otis',  'Prowse',  'Baker',       'otis.prowse@example.org', false),
        ('Pia',   'Renner',  'Accountant',  'pia.renner@example.org', false),
        ('Quinn', 'Sayer',   'Marketing',   'quinn.sayer@example.org', false),
        ('Rosa',  'Tamm',    'Shop floor',  'rosa.tamm@example.org', false),
        ('Silas', 'Umber',   'Printer',     'silas.umber@example.org', true)
    ) as p (first, last, job, email, mill)
    returning rep_id, email
), groups as (
    insert into chamber.rep_group (association_id, name, sync)
    values ($1, 'Lantern Parade Committee', true), ($1, 'Harbour Board', false) returning group_id
)
insert into chamber.group_membership (association_id, group_id, rep_id)
select $1, group_id, rep_id from groups, reps`

// step is one piece of office work with what must come of it.
type step struct {
	title string
	sql   string // committed in the member database; $1 is the association
	// there happens in Constant Contact, before the SQL.
	there func(*office) error
	// who is looked at afterwards, and on which of the script's lists they
	// must be; every list not named must not have them.
	who  string
	want []string
	// reason that a decision about who must have; empty: none is looked for.
	reason string
}

func (o *office) script() []step {
	return []step{
		{
			title: "A rep joins",
			sql: `with r as (
    insert into chamber.rep (association_id, member_id, first_name, last_name, job_title, email)
    select association_id, member_id, 'Tove', 'Vance', 'Apprentice', 'Tove.Vance@Example.org'
    from chamber.member where association_id = $1 and name = 'Harbour Light Bakery' returning rep_id
)
insert into chamber.group_membership (association_id, group_id, rep_id)
select $1, group_id, rep_id from chamber.rep_group, r where association_id = $1 and name = 'Lantern Parade Committee'`,
			who: "tove.vance@example.org", want: []string{everybody, harbour, committee},
		},
		{
			title: "She is disabled in a group",
			sql: `update chamber.group_membership set disabled = true
where rep_id = (select rep_id from chamber.rep where association_id = $1 and lower(email) = 'tove.vance@example.org')`,
			who: "tove.vance@example.org", want: []string{everybody, harbour}, reason: "disabled_in_group",
		},
		{
			title: "A rep has a new e-mail address: the new one is added",
			sql:   `update chamber.rep set email = 'otis@bakery.example.org' where association_id = $1 and email = 'otis.prowse@example.org'`,
			who:   "otis@bakery.example.org", want: []string{everybody, harbour, committee},
		},
		{
			title: "… and the old one is kept",
			who:   "otis.prowse@example.org", want: []string{everybody, harbour, committee}, reason: "address_replaced",
		},
		{
			title: "A rep opts out",
			sql:   `update chamber.rep set opted_out = true where association_id = $1 and email = 'pia.renner@example.org'`,
			who:   "pia.renner@example.org", reason: "opted_out_in_database",
		},
		{
			title: "A member lapses: its rep stays in the group only",
			sql:   `update chamber.member set status = 'dropped', dropped_on = '2026-06-30' where association_id = $1 and name = 'Old Mill Print'`,
			who:   "silas.umber@example.org", want: []string{committee}, reason: "member_not_active",
		},
		{
			title: "A group is ticked: its list is made",
			sql:   `update chamber.rep_group set sync = true where association_id = $1 and name = 'Harbour Board'`,
			who:   "nora.quist@example.org", want: []string{everybody, harbour, committee, board},
		},
		{
			title: "Somebody unsubscribes in Constant Contact, and is disabled in a group",
			there: func(o *office) error { return o.sim.Unsubscribe(o.account, "quinn.sayer@example.org") },
			sql: `update chamber.group_membership set disabled = true
where rep_id = (select rep_id from chamber.rep where association_id = $1 and email = 'quinn.sayer@example.org')`,
			who: "quinn.sayer@example.org", reason: "unsubscribed_in_constant_contact",
		},
		{
			title: "… and is enabled again: nobody who unsubscribed is put back",
			sql: `update chamber.group_membership set disabled = false
where rep_id = (select rep_id from chamber.rep where association_id = $1 and email = 'quinn.sayer@example.org')`,
			who: "quinn.sayer@example.org", reason: "unsubscribed_in_constant_contact",
		},
		{
			title: "Somebody leaves one list in Constant Contact, and changes her job in the database",
			there: func(o *office) error { return o.sim.Leave(o.account, "rosa.tamm@example.org", committee) },
			sql:   `update chamber.rep set job_title = 'Head of the shop' where association_id = $1 and email = 'rosa.tamm@example.org'`,
			who:   "rosa.tamm@example.org", want: []string{everybody, harbour, board}, reason: "left_list_in_constant_contact",
		},
		{
			title: "A rep is entered with two addresses in one field",
			sql: `insert into chamber.rep (association_id, member_id, first_name, last_name, email)
select association_id, member_id, 'Ulla', 'Wynn', 'ulla@example.org; wynn@example.org'
from chamber.member where association_id = $1 and name = 'Harbour Light Bakery'`,
			who: "ulla@example.org; wynn@example.org", reason: "invalid_email",
		},
		{
			title: "Staff added somebody to a list by hand; sync now makes it exact",
			there: func(o *office) error { return o.sim.AddContact(o.account, "by.hand@example.org", board) },
			sql:   `select rollcall.sync_now('Harbour Board', $1::text)`,
			who:   "by.hand@example.org", reason: "not_in_database",
		},
	}
}

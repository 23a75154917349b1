package chamber

import (
	"fmt"
	"iter"
	"math/rand/v2"
)

// Statement is one statement that an office's software would send.
type Statement struct {
	SQL  string
	Args []any
}

// counselled is the share of reps, one in sixteen, whose opt-out flag Changes
// may turn. They are never deleted and keep their addresses. What happens to an
// address whose opted-out holder goes away depends on history, which Expected
// cannot see; so it must not happen.
const counselled = 16

// maxOptIns bounds the people of one association who opt in again: more than
// ten within an hour would be held for approval.
const maxOptIns = 2

// Changes yields n statements of everyday office work on what Generate made.
// Each stands alone; some change nothing, as when a rep is already gone. They
// may run at the same time on several connections, and sequences of other seeds
// beside them: new addresses contain the seed.
func Changes(seed uint64, of Summary, n int) iter.Seq[Statement] {
	return func(yield func(Statement) bool) {
		o := office{Rand: rand.New(rand.NewPCG(seed, 1)), seed: seed, of: of, optIns: map[int64]int{}}
		for o.n = range n {
			if !yield(o.next()) {
				return
			}
		}
	}
}

type office struct {
	*rand.Rand
	seed   uint64
	of     Summary
	n      int           // statements so far
	optIns map[int64]int // by association
}

// one draws a key.
func (o *office) one(from IDs) int64 {
	if from.Len() < 1 {
		return 0 // no row has this key
	}
	return from.First + o.Int64N(from.Len())
}

// tenant draws an association: its ordinal and its key.
func (o *office) tenant() (ordinal, id int64) {
	id = o.one(o.of.Associations)
	return id - o.of.Associations.First, id
}

func (o *office) rep(association int64) int64 {
	return o.one(o.of.Reps.part(association, o.of.Associations.Len()))
}

// movable draws a rep whose address may change.
func (o *office) movable(association int64) int64 {
	id := o.rep(association)
	if id%counselled == 0 {
		id++ // at worst one of the next association
	}
	return id
}

func (o *office) group(association int64) int64 {
	return o.one(o.of.Groups.part(association, o.of.Associations.Len()))
}

func (o *office) next() Statement {
	a, id := o.tenant()
	switch n := o.IntN(1000); {
	case n < 250:
		return Statement{toggleMembership, []any{o.group(a), o.rep(a)}}
	case n < 400:
		return Statement{joinGroup, []any{o.group(a), o.rep(a)}}
	case n < 470:
		return Statement{leaveGroup, []any{o.group(a), o.rep(a)}}
	case n < 570:
		first, last := pick(o.Rand, firstNames), pick(o.Rand, lastNames)
		return Statement{addRep, []any{id, o.one(o.of.Members), first, last, pick(o.Rand, titles), o.address(first, last), o.group(a)}}
	case n < 690:
		return Statement{changeEmail, []any{o.movable(a), o.address(pick(o.Rand, firstNames), pick(o.Rand, lastNames))}}
	case n < 720:
		return Statement{shareEmail, []any{o.movable(a), o.rep(a)}}
	case n < 770:
		return Statement{changeCase, []any{o.rep(a)}}
	case n < 830:
		return Statement{changeTitle, []any{o.rep(a), pick(o.Rand, titles)}}
	case n < 870:
		return Statement{toggleRep, []any{o.rep(a)}}
	case n < 910:
		status := pick(o.Rand, []string{"active", "active", "active", "active", "courtesy", "dropped", "prospect"})
		return Statement{changeStatus, []any{o.one(o.of.Members), status}}
	case n < 935:
		return Statement{addType, []any{o.one(o.of.Members), o.Int64N(int64(len(typeNames)))}}
	case n < 955:
		return Statement{dropType, []any{o.one(o.of.Members), o.Int64N(int64(len(typeNames)))}}
	case n < 980:
		return Statement{deleteRep, []any{o.movable(a)}}
	case n < 990:
		return Statement{optOutRep, []any{o.rep(a) / counselled * counselled}}
	case n < 994:
		return Statement{optOutAddress, []any{o.rep(a), epoch.AddDate(21, 0, o.n%365)}}
	case n < 998:
		if o.optIns[id]++; o.optIns[id] > maxOptIns {
			return Statement{changeTitle, []any{o.rep(a), pick(o.Rand, titles)}}
		}
		return Statement{optInRep, []any{id, o.rep(a)}}
	default:
		return Statement{toggleGroup, []any{o.group(a)}}
	}
}

// address is one that nobody had before.
func (o *office) address(first, last string) string {
	return fmt.Sprintf("%.9s.%.10s.%x-%x@moved.example.com", slug(first), slug(last), o.seed&0xffffff, o.n)
}

// The statements. A condition on the opt-out keeps a change away from people
// whose consent depends on history; see counselled.
const (
	toggleMembership = `update chamber.group_membership set disabled = not disabled
where (group_id, rep_id) = (select group_id, rep_id from chamber.group_membership where group_id = $1 and rep_id >= $2 order by rep_id limit 1)`

	joinGroup = `insert into chamber.group_membership (association_id, group_id, rep_id)
select association_id, $1, rep_id from chamber.rep where rep_id = $2 for key share
on conflict do nothing`

	leaveGroup = `delete from chamber.group_membership
where (group_id, rep_id) = (select group_id, rep_id from chamber.group_membership where group_id = $1 and rep_id >= $2 order by rep_id limit 1)`

	addRep = `with made as (
    insert into chamber.rep (association_id, member_id, first_name, last_name, job_title, email)
    values ($1, (select member_id from chamber.member where association_id = $1 and member_id >= $2 order by member_id limit 1), $3, $4, $5, $6)
    returning association_id, rep_id)
insert into chamber.group_membership (association_id, group_id, rep_id)
select association_id, $7, rep_id from made`

	nobodyOptedOut = ` and not r.opted_out and not exists (
    select from chamber.opt_out o where o.association_id = r.association_id
    and lower(btrim(o.email, E' \t\n\r\f\x0b')) = lower(btrim(r.email, E' \t\n\r\f\x0b')))`

	changeEmail = `update chamber.rep r set email = $2 where r.rep_id = $1` + nobodyOptedOut

	shareEmail = `update chamber.rep r set email = c.email from chamber.rep c
where r.rep_id = $1 and c.rep_id = $2 and c.association_id = r.association_id and not c.opted_out` + nobodyOptedOut

	changeCase = `update chamber.rep set email = case when email = lower(email) then upper(email) else lower(email) end where rep_id = $1`

	changeTitle = `update chamber.rep set job_title = $2 where rep_id = $1`

	toggleRep = `update chamber.rep set active = not active where rep_id = $1`

	changeStatus = `update chamber.member set status = $2 where member_id = $1`

	addType = `insert into chamber.member_type (association_id, member_id, membership_type_id)
select m.association_id, m.member_id, t.membership_type_id
from chamber.member m
join lateral (select membership_type_id from chamber.membership_type where association_id = m.association_id
              order by membership_type_id offset $2 limit 1) t on true
where m.member_id = $1
on conflict do nothing`

	dropType = `delete from chamber.member_type
where (member_id, membership_type_id) = (select member_id, membership_type_id from chamber.member_type
    where member_id = $1 order by membership_type_id offset $2 limit 1)`

	deleteRep = `delete from chamber.rep r where r.rep_id = $1` + nobodyOptedOut

	optOutRep = `update chamber.rep set opted_out = true where rep_id = $1`

	optInRep = `update chamber.rep set opted_out = false
where rep_id = (select rep_id from chamber.rep where association_id = $1 and rep_id >= $2 and opted_out and rep_id % 16 = 0 order by rep_id limit 1)`

	optOutAddress = `insert into chamber.opt_out (association_id, email, opted_out_at)
select association_id, email, $2 from chamber.rep where rep_id = $1 and btrim(email) <> ''`

	toggleGroup = `update chamber.rep_group set sync = not sync where group_id = $1`
)

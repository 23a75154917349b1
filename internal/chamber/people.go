package chamber

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
)

// household is a member with its reps. One without a name is a person who
// stands alone.
type household struct {
	name, status         string
	types                []int // ordinals of the association's membership types
	joined, dropped      int   // days after the epoch of this package; 0: not
	street, city, state  string
	zip, phone, country  string
	domain               string
	people               []person
	ordinal, association int
}

type person struct {
	firstName, lastName string
	jobTitle            string
	email               any // text or nil
	active, optedOut    bool
	optOut              optOut
}

// optOut is a row of chamber.opt_out that goes with a person.
type optOut struct {
	email     string // empty: none
	group     int    // ordinal of a group; -1: all mail
	withdrawn bool
}

type group struct {
	name string
	sync bool
	size int // about how many reps
}

// source gives a random source of its own to every numbered thing, so that
// each can be made without those before it.
func (o Options) source(what string, association, ordinal int) *rand.Rand {
	h := o.Seed
	for _, v := range []uint64{uint64(what[0]), uint64(association), uint64(ordinal)} {
		h += v + 0x9e3779b97f4a7c15 // splitmix64
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return rand.New(rand.NewPCG(o.Seed, h))
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func associationName(a int) string {
	name := towns[a%len(towns)] + " Chamber of Commerce"
	if a >= len(towns) {
		name += fmt.Sprintf(" %d", a/len(towns)+1)
	}
	return name
}

// typesOf are the five to seven membership types of an association.
func typesOf(association int) []string { return typeNames[:5+association%3] }

// households yields the members of an association until it has its reps; the
// last fiftieth of the reps stand alone.
func (o Options) households(association int) iter.Seq[household] {
	return func(yield func(household) bool) {
		alone := o.Reps / 50
		ordinal, left := 0, o.Reps-alone
		for ; left > 0; ordinal++ {
			h := o.member(association, ordinal, left)
			left -= len(h.people)
			if !yield(h) {
				return
			}
		}
		for range alone {
			if !yield(o.single(association, ordinal)) {
				return
			}
			ordinal++
		}
	}
}

func (o Options) member(association, ordinal, most int) household {
	r := o.source("member", association, ordinal)
	h := household{association: association, ordinal: ordinal}
	first := pick(r, lastNames)
	if chance(r, 40) {
		first = pick(r, towns)
	}
	h.name = first + " " + pick(r, trades) + pick(r, suffixes)
	h.settle(r)
	h.domain = fmt.Sprintf("%.8s%d%s", slug(first), ordinal+1, pick(r, topLevels))

	switch n := r.IntN(100); {
	case n < 80:
		h.status = "active"
	case n < 85:
		h.status = "courtesy"
	case n < 92:
		h.status = "prospect"
	case n < 98:
		h.status = "dropped"
	default:
		h.status = "nonmember"
	}
	if h.status != "prospect" && h.status != "nonmember" {
		h.joined = 1 + r.IntN(9000)
		h.types = r.Perm(len(typesOf(association)))[:[]int{1, 1, 1, 1, 1, 1, 1, 2, 2, 3}[r.IntN(10)]]
	}
	if h.status == "dropped" {
		h.dropped = h.joined + r.IntN(9000)
	}
	for range min(most, 1+r.IntN(5)+r.IntN(5)) { // 1 to 9, 5 on average
		h.people = append(h.people, o.person(r, h))
	}
	return h
}

// single is a prospect without an organisation.
func (o Options) single(association, ordinal int) household {
	r := o.source("single", association, ordinal)
	h := household{association: association, ordinal: ordinal, domain: fmt.Sprintf("p%d%s", ordinal+1, pick(r, topLevels))}
	h.settle(r)
	h.people = []person{o.person(r, h)}
	return h
}

func (h *household) settle(r *rand.Rand) {
	h.street = fmt.Sprintf("%d %s", 1+r.IntN(990), pick(r, streets))
	h.city, h.state, h.country = towns[h.association%len(towns)], "IL", "US"
	h.zip = fmt.Sprintf("%05d", 60000+r.IntN(1000))
	h.phone = fmt.Sprintf("+1 312 555 01%02d", r.IntN(100)) // 555-01xx belongs to nobody
}

func (o Options) person(r *rand.Rand, h household) person {
	p := person{
		firstName: pick(r, firstNames), lastName: pick(r, lastNames), jobTitle: pick(r, titles),
		active: !chance(r, 4), optedOut: chance(r, 3),
	}
	address := fmt.Sprintf("%.9s.%.10s@%s", slug(p.firstName), slug(p.lastName), h.domain)
	switch n := r.IntN(100); {
	case n < 1:
		p.email = nil
	case n < 2:
		p.email = ""
	case n < 4:
		p.email = strings.ReplaceAll(pick(r, invalidEmails), "%s", address)
	case n < 12:
		p.email = offices[h.ordinal%len(offices)] + "@" + h.domain // shared with colleagues
	case n < 15:
		p.email = strings.ToUpper(address)
	case n < 17:
		p.email = pick(r, []string{" ", "", "\t"}) + address + pick(r, []string{" ", "  ", "\r\n"})
	default:
		p.email = address
	}
	switch n := r.IntN(1000); {
	case n < 8:
		p.optOut = optOut{email: address, group: -1}
	case n < 12 && o.Groups > 0:
		p.optOut = optOut{email: address, group: r.IntN(o.Groups)}
	case n < 14:
		p.optOut = optOut{email: address, group: -1, withdrawn: true}
	case n < 16: // of somebody who is no longer in the database
		p.optOut = optOut{email: "former." + address, group: -1}
	}
	return p
}

// groupAt is one group of an association: a few hold about 15 % of the reps,
// some a few per cent, most 10 to 60 people.
func (o Options) groupAt(association, ordinal int) group {
	r := o.source("group", association, ordinal)
	g := group{name: groupNames[ordinal%len(groupNames)], sync: !chance(r, 30)}
	if round := ordinal / len(groupNames); round > 0 {
		g.name += fmt.Sprintf(" %d", round+1)
	}
	switch n := ordinal % len(groupNames); {
	case n < 3:
		g.size = o.Reps * (12 + r.IntN(7)) / 100
	case n < 6:
		g.size = o.Reps * (2 + r.IntN(4)) / 100
	default:
		g.size = 10 + r.IntN(51)
	}
	g.size = max(1, min(g.size, o.Reps/3))
	return g
}

// memberships yields the ordinals of a group's reps, ascending, and whether
// each is disabled.
func (o Options) memberships(association, ordinal int) iter.Seq2[int, bool] {
	return func(yield func(int, bool) bool) {
		if o.Reps == 0 {
			return
		}
		r := o.source("place", association, ordinal)
		stride := 2*o.Reps/o.groupAt(association, ordinal).size - 1 // widest step; half of it on average
		for rep := r.IntN(stride); rep < o.Reps; rep += 1 + r.IntN(stride) {
			if !yield(rep, chance(r, 8)) {
				return
			}
		}
	}
}

package budget

import (
	"fmt"
	"time"
)

// Limits are the calls of a key on a day of UTC.
type Limits struct {
	Daily   int
	Reserve int // of these, kept for opt-outs
}

// DefaultLimits are the vendor's 10,000 calls a day with a tenth for opt-outs.
//
// Source: https://developer.constantcontact.com/api_guide/rate_limits.html
var DefaultLimits = Limits{Daily: 10_000, Reserve: 1_000}

// Class says what a call is for.
type Class int

// The classes of calls.
const (
	Ordinary Class = iota
	OptOut         // reads and removals for people who opted out
)

// Member is an association that shares the key.
type Member struct {
	Source      string
	Association string
}

// Count is the calls of a member on a day.
type Count struct {
	Calls   int
	OptOuts int // of these
}

// Day is a key's day of UTC as far as it is used. The zero Day is not one.
type Day struct {
	limits  Limits
	start   time.Time // 00:00 UTC
	members []Member  // all that share the key
	counts  map[Member]Count
	// lost are calls that were counted and are nobody's: at most a block for each
	// process that died.
	lost int
	// owed is what each member can still count on, by class. What is guaranteed
	// shrinks while the day passes; see unreleased.
	owed [2]map[Member]int
	// closedUntil is when calls may be made again after Constant Contact said
	// that the day is spent; zero when it did not.
	closedUntil time.Time
}

// NewDay returns the day of a time, with what is on record of it. Members that
// only the record has are members too.
func NewDay(limits Limits, members []Member, r Record, now time.Time) *Day {
	d := &Day{limits: limits, start: StartOfDay(now), counts: map[Member]Count{}, lost: r.Taken, closedUntil: r.ClosedUntil}
	known := map[Member]bool{}
	add := func(m Member) {
		if !known[m] {
			known[m] = true
			d.members = append(d.members, m)
		}
	}
	for _, m := range members {
		add(m)
	}
	for m, count := range r.Counts {
		add(m)
		d.counts[m] = count
		d.lost -= count.Calls
	}
	for class := range d.owed {
		d.owed[class] = map[Member]int{}
		for _, m := range d.members {
			d.owed[class][m] = max(d.guarantee(Class(class))-d.counts[m].of(Class(class)), 0)
		}
	}
	d.settle(now)
	return d
}

func (c Count) of(class Class) int {
	if class == OptOut {
		return c.OptOuts
	}
	return c.Calls - c.OptOuts
}

// SpentError says that no call may be made before a time. Everything stays
// queued until then.
type SpentError struct {
	Until time.Time
	// Share: the key has calls left, but others are guaranteed them.
	Share bool
}

// Error says until when.
func (e *SpentError) Error() string {
	what := "the API key's calls of the day are spent"
	if e.Share {
		what = "the association's share of the API key's calls is spent"
	}
	return fmt.Sprintf("%s until %s", what, e.Until.UTC().Format(time.DateTime+" MST"))
}

// StartOfDay is 00:00 UTC of the day.
func StartOfDay(now time.Time) time.Time { return now.UTC().Truncate(24 * time.Hour) }

func (d *Day) end() time.Time { return d.start.Add(24 * time.Hour) }

// elapsed is the share of the day that has passed, from 0 to 1.
func (d *Day) elapsed(now time.Time) float64 {
	return min(max(float64(now.Sub(d.start))/float64(24*time.Hour), 0), 1)
}

// Used is how many calls were made on the day.
func (d *Day) Used() int {
	used := d.lost
	for _, c := range d.counts {
		used += c.Calls
	}
	return used
}

// guarantee is what each member can count on when the day begins: an equal part
// of the reserve for opt-outs, and an equal part of half of all else.
func (d *Day) guarantee(class Class) int {
	members := max(len(d.members), 1)
	if class == OptOut {
		return d.limits.Reserve / members
	}
	return (d.limits.Daily - d.limits.Reserve) / 2 / members
}

// guaranteed is what a member can still count on. Nobody needs at noon what it
// would have used in the morning, and at midnight it would be lost: so it is never
// more than the share of the day that is left.
func (d *Day) guaranteed(m Member, class Class, now time.Time) int {
	all := d.guarantee(class)
	return min(d.owed[class][m], all-int(float64(all)*d.elapsed(now)))
}

// guaranteedAll is what all members but one can still count on.
func (d *Day) guaranteedAll(but *Member, class Class, now time.Time) (sum int) {
	for _, m := range d.members {
		if but == nil || m != *but {
			sum += d.guaranteed(m, class, now)
		}
	}
	return sum
}

// unused is how many calls of a class are left for all members together. Of the
// reserve stays for opt-outs what they have not used, and what members are
// guaranteed of it in any case.
func (d *Day) unused(class Class, now time.Time) int {
	left := d.limits.Daily - d.Used()
	if class == OptOut {
		return left
	}
	optOuts := 0
	for _, c := range d.counts {
		optOuts += c.OptOuts
	}
	return left - max(d.limits.Reserve-optOuts, d.guaranteedAll(nil, OptOut, now))
}

// Left is how many calls of a class a member may make now, if nobody else makes
// any: all that are left but those that others are guaranteed.
func (d *Day) Left(m Member, class Class, now time.Time) int {
	return d.unused(class, now) - d.guaranteedAll(&m, class, now)
}

// take counts a call. It uses up what the member is guaranteed first.
func (d *Day) take(m Member, class Class, now time.Time) {
	count := d.counts[m]
	count.Calls++
	if class == OptOut {
		count.OptOuts++
	}
	d.counts[m] = count
	d.owed[class][m] = max(d.guaranteed(m, class, now)-1, 0)
	d.settle(now)
}

// settle cuts what members are guaranteed, all by the same share, where opt-outs
// beyond the reserve have used calls that were guaranteed for other work. Without
// it nobody could use the few that are left.
func (d *Day) settle(now time.Time) {
	for class := range d.owed {
		left, sum := d.unused(Class(class), now), d.guaranteedAll(nil, Class(class), now)
		if sum <= max(left, 0) {
			continue
		}
		for _, m := range d.members {
			d.owed[class][m] = d.guaranteed(m, Class(class), now) * max(left, 0) / sum
		}
	}
}

// Check returns a *SpentError unless the member may make a call of the class
// now.
func (d *Day) Check(m Member, class Class, now time.Time) error {
	if now.Before(d.closedUntil) {
		return &SpentError{Until: d.closedUntil}
	}
	if d.Left(m, class, now) > 0 {
		return nil
	}
	if d.Left(m, class, d.end()) <= 0 {
		return &SpentError{Until: d.end()}
	}
	return &SpentError{Until: d.next(m, class, now), Share: true}
}

// next is the first full second at which a member has a call left because others'
// guarantees were released.
func (d *Day) next(m Member, class Class, now time.Time) time.Time {
	low, high := now.Truncate(time.Second), d.end()
	for high.Sub(low) > time.Second {
		middle := low.Add(high.Sub(low) / 2).Truncate(time.Second)
		if d.Left(m, class, middle) > 0 {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// The pace of a day.
const (
	// MaxLinger is the longest that changes are gathered.
	MaxLinger = 30 * time.Minute
	// Headroom is how many calls the day may be ahead of the clock before
	// changes are gathered for longer.
	Headroom = 500
)

// Linger is how long a member's changes are gathered before they are sent: base
// while the calls used are at most the elapsed share of the day plus Headroom;
// above that as long as makes the member's calls last until midnight, at most
// MaxLinger. callsPerFlush is what sending them has cost lately.
func (d *Day) Linger(m Member, callsPerFlush float64, base time.Duration, now time.Time) time.Duration {
	if float64(d.Used()) <= d.elapsed(now)*float64(d.limits.Daily)+Headroom {
		return base
	}
	left := d.Left(m, Ordinary, now)
	if left <= 0 {
		return max(base, MaxLinger)
	}
	pace := callsPerFlush * float64(d.end().Sub(now)) / float64(left)
	return max(base, time.Duration(min(pace, float64(MaxLinger))))
}

// early is how long after midnight a day that is said to be spent is taken for
// the one before: clocks differ.
const (
	early      = 15 * time.Minute
	earlyPause = 5 * time.Minute
)

// askAgain is when to ask again after Constant Contact said at the time that
// the day is spent.
func askAgain(now time.Time) time.Time {
	day := StartOfDay(now)
	if now.Sub(day) < early {
		return now.Add(earlyPause)
	}
	return day.Add(24 * time.Hour)
}

package budget

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var midnight = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// hour is a time of the day.
func hour(h float64) time.Time { return midnight.Add(time.Duration(h * float64(time.Hour))) }

// members are associations of one source.
func membersOf(n int) []Member {
	members := make([]Member, n)
	for i := range members {
		members[i] = Member{"chamber", fmt.Sprint(i)}
	}
	return members
}

// use makes calls of a class until none is left or n are made.
func use(d *Day, m Member, class Class, n int, now time.Time) (made int) {
	for ; made < n && d.Check(m, class, now) == nil; made++ {
		d.take(m, class, now)
	}
	return made
}

const many = 1 << 20

func TestOneMemberHasAllButTheReserve(t *testing.T) {
	m := membersOf(1)
	d := NewDay(DefaultLimits, m, Record{}, hour(1))
	if n := use(d, m[0], Ordinary, many, hour(1)); n != 9000 {
		t.Errorf("%d ordinary calls", n)
	}
	if n := use(d, m[0], OptOut, many, hour(1)); n != 1000 {
		t.Errorf("%d calls for opt-outs", n)
	}
	err := d.Check(m[0], OptOut, hour(1))
	if spent, ok := errors.AsType[*SpentError](err); !ok || spent.Share || !spent.Until.Equal(hour(24)) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(err.Error(), "until 2026-07-01 00:00:00 UTC") {
		t.Errorf("error %v", err)
	}
}

func TestOptOutsTakeWhatIsLeft(t *testing.T) {
	m := membersOf(1)
	d := NewDay(DefaultLimits, m, Record{}, hour(1))
	if n := use(d, m[0], OptOut, 3000, hour(1)); n != 3000 {
		t.Errorf("%d calls for opt-outs", n)
	}
	if n := use(d, m[0], Ordinary, many, hour(1)); n != 7000 {
		t.Errorf("%d ordinary calls", n)
	}
}

// One member cannot take what others are guaranteed, which is an equal part of
// half the day, and less the later it is.
func TestNobodyTakesAll(t *testing.T) {
	for name, tc := range map[string]struct {
		members int
		at      float64
		takes   int // by the first member, until it is stopped
		another int // what is left for each other one then, used one after the other
	}{
		"two at midnight":     {2, 0, 9000 - 2250, 2250},
		"two at noon":         {2, 12, 9000 - 1125, 1125},
		"two before midnight": {2, 23.99, 9000 - 1, 1},
		"ten at midnight":     {10, 0, 9000 - 9*450, 450},
		"ten at six":          {10, 6, 9000 - 9*338, 338},
		"hundreds, each some": {300, 0, 9000 - 299*15, 15},
	} {
		t.Run(name, func(t *testing.T) {
			m := membersOf(tc.members)
			now := hour(tc.at)
			d := NewDay(DefaultLimits, m, Record{}, now)
			if n := use(d, m[0], Ordinary, many, now); n != tc.takes {
				t.Errorf("took %d, want %d", n, tc.takes)
			}
			for _, other := range m[1:min(tc.members, 5)] {
				if n := use(d, other, Ordinary, many, now); n != tc.another {
					t.Errorf("another took %d, want %d", n, tc.another)
				}
			}
		})
	}
}

// A member that is stopped learns when it may go on, and may then, but not a
// second earlier.
func TestSharesComeBackInTime(t *testing.T) {
	m := membersOf(4)
	d := NewDay(DefaultLimits, m, Record{}, hour(0))
	use(d, m[0], Ordinary, many, hour(0))
	spent, ok := errors.AsType[*SpentError](d.Check(m[0], Ordinary, hour(0)))
	if !ok || !spent.Share {
		t.Fatalf("error %v", spent)
	}
	if d.Check(m[0], Ordinary, spent.Until) != nil || d.Check(m[0], Ordinary, spent.Until.Add(-time.Second)) == nil {
		t.Errorf("until %s", spent.Until)
	}
	if wait := spent.Until.Sub(hour(0)); wait > 10*time.Minute {
		t.Errorf("waits %s", wait)
	}
	if n := use(d, m[0], Ordinary, many, hour(23.9999)) + d.Used(); n < 9000-1 {
		t.Errorf("%d calls are lost at midnight", 9000-n)
	}
}

// The reserve is shared too: one member's opt-outs, and then everybody's ordinary
// calls, leave another's part of it alone.
func TestReserveIsShared(t *testing.T) {
	m := membersOf(2)
	d := NewDay(DefaultLimits, m, Record{}, hour(0))
	use(d, m[0], OptOut, 1000, hour(0))
	if n := use(d, m[0], Ordinary, many, hour(0)) + use(d, m[1], Ordinary, many, hour(0)); n != 8500 {
		t.Errorf("%d ordinary calls", n)
	}
	if n := use(d, m[1], OptOut, many, hour(0)); n != 500 {
		t.Errorf("%d calls of the other for opt-outs", n)
	}
}

// A restart knows what was used.
func TestDayIsReadBack(t *testing.T) {
	m := membersOf(2)
	r := Record{Taken: 5040, Counts: map[Member]Count{m[0]: {5000, 10}, {"another", "1"}: {20, 0}}}
	d := NewDay(DefaultLimits, m, r, hour(0))
	if d.Used() != 5040 || len(d.members) != 3 {
		t.Errorf("used %d by %d members", d.Used(), len(d.members))
	}
	// 9,000 without what was used, but for opt-outs, and what the others are
	// guaranteed: 1,500, and 1,500 less 20.
	if left := d.Left(m[0], Ordinary, hour(0)); left != 9000-5030-1500-1480 {
		t.Errorf("%d left", left)
	}
	d = NewDay(DefaultLimits, m, Record{ClosedUntil: hour(24)}, hour(3))
	if spent, ok := errors.AsType[*SpentError](d.Check(m[0], OptOut, hour(3))); !ok || !spent.Until.Equal(hour(24)) {
		t.Errorf("error %v", spent)
	}
	if err := d.Check(m[0], OptOut, hour(24)); err != nil {
		t.Errorf("after it: %v", err)
	}
}

func TestLinger(t *testing.T) {
	m := membersOf(2)
	day := func(used int) *Day {
		return NewDay(DefaultLimits, m[:1], Record{Taken: used, Counts: map[Member]Count{m[0]: {used, 0}}}, hour(0))
	}
	for name, tc := range map[string]struct {
		used     int
		at       float64
		perFlush float64
		want     time.Duration
	}{
		"nothing used":              {0, 0, 4, 2 * time.Second},
		"on the line":               {500, 0, 4, 2 * time.Second},
		"above it":                  {501, 0, 4, 4 * 24 * time.Hour / 8499},
		"on the line at noon":       {5500, 12, 4, 2 * time.Second},
		"above it at noon":          {5501, 12, 4, 4 * 12 * time.Hour / 3499},
		"few left":                  {8990, 12, 4, MaxLinger},
		"none left":                 {9000, 12, 4, MaxLinger},
		"cheap flushes, many left":  {600, 0, 0.1, 2 * time.Second},
		"spent, but the day passed": {9000, 23, 4, 2 * time.Second},
	} {
		if got := day(tc.used).Linger(m[0], tc.perFlush, 2*time.Second, hour(tc.at)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestSpentDayIsAskedAgain(t *testing.T) {
	for at, want := range map[time.Time]time.Time{
		hour(12):                              hour(24),
		hour(23.99):                           hour(24),
		hour(0.3):                             hour(24),
		midnight.Add(2 * time.Second):         midnight.Add(5*time.Minute + 2*time.Second),
		midnight.Add(early - time.Nanosecond): midnight.Add(early + earlyPause - time.Nanosecond),
	} {
		if got := askAgain(at); !got.Equal(want) {
			t.Errorf("said at %s: asked again at %s, want %s", at, got, want)
		}
	}
}

// Whatever members do, in whatever order: the limits hold, everybody has what it
// is still guaranteed, and who is stopped may go on at the time that it was told.
func TestFairness(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Daily: rapid.IntRange(20, 400).Draw(t, "daily")}
		limits.Reserve = limits.Daily / rapid.IntRange(2, 20).Draw(t, "part")
		m := membersOf(rapid.IntRange(1, 8).Draw(t, "members"))
		now := midnight
		d := NewDay(limits, m, Record{}, now)
		ordinary := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second)
			if !now.Before(hour(24)) {
				break
			}
			who := m[rapid.IntRange(0, len(m)-1).Draw(t, "who")]
			class := Class(rapid.IntRange(0, 1).Draw(t, "class"))
			made := use(d, who, class, rapid.IntRange(1, limits.Daily).Draw(t, "calls"), now)
			if class == Ordinary {
				ordinary += made
			}
			if d.Used() > limits.Daily || ordinary > limits.Daily-limits.Reserve {
				t.Fatalf("%d calls, %d of them ordinary", d.Used(), ordinary)
			}
			for _, other := range m {
				for _, class := range []Class{Ordinary, OptOut} {
					if owed, left := d.guaranteed(other, class, now), d.Left(other, class, now); owed > 0 && left < owed {
						t.Fatalf("%v is guaranteed %d of class %d, and has %d", other, owed, class, left)
					}
				}
			}
			spent, stopped := errors.AsType[*SpentError](d.Check(who, class, now))
			if !stopped {
				continue
			}
			if !spent.Until.After(now) || spent.Until.After(hour(24)) {
				t.Fatalf("stopped at %s until %s", now, spent.Until)
			}
			if spent.Share && d.Check(who, class, spent.Until) != nil {
				t.Fatalf("stopped until %s, and then still", spent.Until)
			}
		}
		// The day's last second has everything for whoever wants it.
		if now.Before(hour(24)) {
			use(d, m[0], Ordinary, many, hour(24).Add(-time.Nanosecond))
			use(d, m[0], OptOut, many, hour(24).Add(-time.Nanosecond))
			if left := limits.Daily - d.Used(); left > 2*len(m) {
				t.Fatalf("%d calls are left over", left)
			}
		}
	})
}

// A linger never ends the day's calls early, and is never outside its bounds.
func TestPace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		used := rapid.IntRange(0, 10_000).Draw(t, "used")
		per := rapid.Float64Range(0.1, 60).Draw(t, "calls per flush")
		now := midnight.Add(time.Duration(rapid.IntRange(0, 86_399).Draw(t, "second")) * time.Second)
		m := membersOf(1)
		d := NewDay(DefaultLimits, m, Record{Taken: used, Counts: map[Member]Count{m[0]: {used, 0}}}, now)
		linger := d.Linger(m[0], per, 2*time.Second, now)
		if linger < 2*time.Second || linger > MaxLinger {
			t.Fatalf("lingers %s", linger)
		}
		if linger == 2*time.Second || linger == MaxLinger {
			return
		}
		flushes := float64(hour(24).Sub(now)) / float64(linger)
		if cost := flushes * per; cost > float64(d.Left(m[0], Ordinary, now))+1 {
			t.Fatalf("%f flushes of %f calls do not fit", flushes, per)
		}
	})
}

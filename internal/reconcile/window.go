package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"rollcall/mapper"
)

// The nightly window where an association has chosen none: the overlap of the
// hours that the vendor's support pages name (docs/semantics.md, section 3).
const (
	defaultStart = "01:00"
	defaultEnd   = "04:00"
	defaultZone  = "America/Chicago"
)

// Hours say when an association's nightly window opens and closes, in its local
// time.
type Hours struct {
	start, end int // minutes after midnight; an end not after the start is the next day's
	zone       *time.Location
}

// HoursOf reads the window from an association's options. What was not chosen
// is the default. What was chosen and cannot be read is an error, and no run
// starts: the default in its place might be the middle of somebody's day.
func HoursOf(o mapper.Options) (Hours, error) {
	if (o.WindowStart == "") != (o.WindowEnd == "") {
		return Hours{}, errors.New("read nightly window: rollcall.options has one of window_start and window_end, not both")
	}
	start, err := minutesOf("window_start", cmp.Or(o.WindowStart, defaultStart))
	if err != nil {
		return Hours{}, err
	}
	end, err := minutesOf("window_end", cmp.Or(o.WindowEnd, defaultEnd))
	if err != nil {
		return Hours{}, err
	}
	if start == end {
		return Hours{}, errors.New("read nightly window: window_start and window_end in rollcall.options are the same")
	}
	name := cmp.Or(o.TimeZone, defaultZone)
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" { // the machine's zone is not the association's
		return Hours{}, fmt.Errorf("read nightly window: time_zone %.60q in rollcall.options is not an IANA name", name)
	}
	return Hours{start: start, end: end, zone: zone}, nil
}

// Text is when the window opens and closes, as HH:MM.
func (h Hours) Text() [2]string {
	text := func(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
	return [2]string{text(h.start), text(h.end)}
}

// ZoneOf is the zone of an association's times; the default where it has chosen
// none, or none that can be read.
func ZoneOf(o mapper.Options) *time.Location {
	for _, name := range []string{cmp.Or(o.TimeZone, defaultZone), defaultZone} {
		if zone, err := time.LoadLocation(name); err == nil && name != "Local" {
			return zone
		}
	}
	return time.UTC
}

// minutesOf reads HH:MM; seconds, as a time that was cast to text has them, do
// not count.
func minutesOf(field, text string) (int, error) {
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.Hour()*60 + t.Minute(), nil
		}
	}
	return 0, fmt.Errorf("read nightly window: %s %.20q in rollcall.options is not HH:MM", field, text)
}

// Window is one night's window. A run begins at Start or later, and before End.
type Window struct {
	Start, End time.Time
	Day        string // the local day on which it opens, as 2006-01-02
}

// Next is the first window that is not over yet and opens on a later day than
// done; it may be open already. Days are compared as text.
func (h Hours) Next(now time.Time, done string) Window {
	year, month, day := now.In(h.zone).Date()
	for offset := -1; ; offset++ { // yesterday's may reach over midnight
		w := h.opening(year, month, day+offset)
		if w.End.After(now) && w.Day > done {
			return w
		}
	}
}

// opening is the window that opens on a day. Every day has exactly one, also
// the two on which the clocks are changed.
func (h Hours) opening(year int, month time.Month, day int) Window {
	closes := day
	length := h.end - h.start
	if length < 0 {
		closes++
		length += 24 * 60
	}
	w := Window{
		Start: h.instant(year, month, day, h.start),
		End:   h.instant(year, month, closes, h.end),
		Day:   time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
	}
	if !w.End.After(w.Start) { // all of it falls into the hour that is skipped
		w.End = w.Start.Add(time.Duration(length) * time.Minute)
	}
	return w
}

// instant is when the clocks on the wall show the minute of the day. A time
// that comes twice means the first; one that is skipped, the first instant
// after the gap. time.Date promises neither.
func (h Hours) instant(year int, month time.Month, day, minute int) time.Time {
	wall := time.Date(year, month, day, 0, minute, 0, 0, time.UTC)
	// The offsets before and after any change near by: clocks are not changed
	// twice within two days.
	before, after := h.offset(wall.Add(-24*time.Hour)), h.offset(wall.Add(24*time.Hour))
	early, late := wall.Add(-max(before, after)), wall.Add(-min(before, after))
	for _, t := range []time.Time{early, late} {
		if h.offset(t) == wall.Sub(t) {
			return t
		}
	}
	skipped, _ := late.In(h.zone).ZoneBounds()
	return skipped.UTC()
}

// offset is how far the zone's clocks are ahead of UTC at an instant.
func (h Hours) offset(t time.Time) time.Duration {
	_, seconds := t.In(h.zone).Zone()
	return time.Duration(seconds) * time.Second
}

// Begin is when an association's run begins in the window: spread over its
// first three quarters, the same every night, so that thousands of associations
// do not begin at once and the last of them do not miss the end.
func (w Window) Begin(association string) time.Time {
	return w.Start.Add(spread(association, w.End.Sub(w.Start)*3/4)).Truncate(time.Second)
}

// spread is a part of a length that depends on the association alone.
func spread(association string, length time.Duration) time.Duration {
	// A good hash: ids are often consecutive numbers.
	sum := sha256.Sum256([]byte(association))
	return time.Duration(float64(binary.BigEndian.Uint32(sum[:])) / (1 << 32) * float64(length))
}

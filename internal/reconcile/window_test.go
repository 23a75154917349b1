package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/mapper"
)

func hours(t *testing.T, start, end, zone string) Hours {
	t.Helper()
	h, err := HoursOf(mapper.Options{WindowStart: start, WindowEnd: end, TimeZone: zone})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// utc reads a time of the day that the table names, or of another day.
func utc(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// In 2026 Chicago's clocks go ahead on 8 March at 08:00 UTC (from 02:00 to
// 03:00) and back on 1 November at 07:00 UTC (from 02:00 to 01:00).
func TestWindow(t *testing.T) {
	for name, tc := range map[string]struct {
		start, end, zone string
		day              string
		opens, closes    string // UTC
	}{
		"an ordinary night":                     {"01:00", "04:00", "America/Chicago", "2026-06-30", "2026-06-30 06:00", "2026-06-30 09:00"},
		"winter":                                {"01:00", "04:00", "America/Chicago", "2026-01-15", "2026-01-15 07:00", "2026-01-15 10:00"},
		"nothing chosen":                        {"", "", "", "2026-06-30", "2026-06-30 06:00", "2026-06-30 09:00"},
		"seconds":                               {"01:00:00", "04:00:30", "America/Chicago", "2026-06-30", "2026-06-30 06:00", "2026-06-30 09:00"},
		"across midnight":                       {"23:00", "04:00", "America/Chicago", "2026-06-30", "2026-07-01 04:00", "2026-07-01 09:00"},
		"the end of a month":                    {"23:30", "00:30", "UTC", "2026-02-28", "2026-02-28 23:30", "2026-03-01 00:30"},
		"spring: around the gap":                {"01:00", "04:00", "America/Chicago", "2026-03-08", "2026-03-08 07:00", "2026-03-08 09:00"},
		"spring: the start is skipped":          {"02:30", "05:00", "America/Chicago", "2026-03-08", "2026-03-08 08:00", "2026-03-08 10:00"},
		"spring: the end is skipped":            {"00:30", "02:30", "America/Chicago", "2026-03-08", "2026-03-08 06:30", "2026-03-08 08:00"},
		"spring: both are skipped":              {"02:15", "02:45", "America/Chicago", "2026-03-08", "2026-03-08 08:00", "2026-03-08 08:30"},
		"spring: the gap's last minute":         {"02:59", "04:00", "America/Chicago", "2026-03-08", "2026-03-08 08:00", "2026-03-08 09:00"},
		"spring: right after the gap":           {"03:00", "04:00", "America/Chicago", "2026-03-08", "2026-03-08 08:00", "2026-03-08 09:00"},
		"spring: from the evening before":       {"23:00", "02:30", "America/Chicago", "2026-03-07", "2026-03-08 05:00", "2026-03-08 08:00"},
		"autumn: the start comes twice":         {"01:30", "04:00", "America/Chicago", "2026-11-01", "2026-11-01 06:30", "2026-11-01 10:00"},
		"autumn: the end comes twice":           {"00:30", "01:30", "America/Chicago", "2026-11-01", "2026-11-01 05:30", "2026-11-01 06:30"},
		"autumn: both come twice":               {"01:15", "01:45", "America/Chicago", "2026-11-01", "2026-11-01 06:15", "2026-11-01 06:45"},
		"autumn: around the hour":               {"01:00", "02:00", "America/Chicago", "2026-11-01", "2026-11-01 06:00", "2026-11-01 08:00"},
		"autumn: from the evening before":       {"23:00", "01:30", "America/Chicago", "2026-10-31", "2026-11-01 04:00", "2026-11-01 06:30"},
		"no daylight saving":                    {"01:00", "04:00", "America/Phoenix", "2026-03-08", "2026-03-08 08:00", "2026-03-08 11:00"},
		"southern hemisphere, skipped":          {"02:30", "04:00", "Australia/Sydney", "2026-10-04", "2026-10-03 16:00", "2026-10-03 17:00"},
		"southern hemisphere, twice":            {"02:30", "04:00", "Australia/Sydney", "2026-04-05", "2026-04-04 15:30", "2026-04-04 18:00"},
		"half an hour of daylight saving":       {"02:10", "04:00", "Australia/Lord_Howe", "2026-10-04", "2026-10-03 15:30", "2026-10-03 17:00"},
		"a quarter of an hour from the others'": {"01:00", "04:00", "Asia/Kathmandu", "2026-03-08", "2026-03-07 19:15", "2026-03-07 22:15"},
		"clocks change at midnight":             {"00:15", "02:00", "Africa/Cairo", "2026-04-24", "2026-04-23 22:00", "2026-04-23 23:00"},
	} {
		t.Run(name, func(t *testing.T) {
			h := hours(t, tc.start, tc.end, tc.zone)
			day := utc(t, tc.day+" 00:00")
			w := h.opening(day.Date())
			if w.Day != tc.day || !w.Start.Equal(utc(t, tc.opens)) || !w.End.Equal(utc(t, tc.closes)) {
				t.Errorf("%s: %s to %s, want %s to %s", w.Day, w.Start.UTC().Format("02 15:04"), w.End.UTC().Format("02 15:04"), tc.opens, tc.closes)
			}
		})
	}
}

func TestNextWindow(t *testing.T) {
	const chicago = "America/Chicago"
	for name, tc := range map[string]struct {
		start, end, now, done, want string
	}{
		"before it opens":                      {"01:00", "04:00", "2026-06-30 05:59", "", "2026-06-30"},
		"as it opens":                          {"01:00", "04:00", "2026-06-30 06:00", "", "2026-06-30"},
		"just before it ends":                  {"01:00", "04:00", "2026-06-30 08:59", "", "2026-06-30"},
		"as it ends":                           {"01:00", "04:00", "2026-06-30 09:00", "", "2026-07-01"},
		"open, and done":                       {"01:00", "04:00", "2026-06-30 07:00", "2026-06-30", "2026-07-01"},
		"the day before was done":              {"01:00", "04:00", "2026-06-30 07:00", "2026-06-29", "2026-06-30"},
		"after midnight, opened yesterday":     {"23:00", "04:00", "2026-07-01 06:00", "", "2026-06-30"},
		"after midnight, done":                 {"23:00", "04:00", "2026-07-01 06:00", "2026-06-30", "2026-07-01"},
		"autumn, the second time of the start": {"01:30", "04:00", "2026-11-01 07:30", "2026-11-01", "2026-11-02"},
		"spring, in the window made for it":    {"02:15", "02:45", "2026-03-08 08:29", "", "2026-03-08"},
		"spring, after it":                     {"02:15", "02:45", "2026-03-08 08:30", "", "2026-03-09"},
		"last done in the future":              {"01:00", "04:00", "2026-06-30 05:00", "2026-07-02", "2026-07-03"},
	} {
		t.Run(name, func(t *testing.T) {
			if w := hours(t, tc.start, tc.end, chicago).Next(utc(t, tc.now), tc.done); w.Day != tc.want {
				t.Errorf("next window is that of %s, want %s", w.Day, tc.want)
			}
		})
	}
}

// Stepping through a year in steps of five minutes and running whenever a window that
// was not done is open gives one run a day, for windows everywhere.
func TestOneRunADay(t *testing.T) {
	for _, zone := range []string{"America/Chicago", "Australia/Lord_Howe", "Africa/Cairo", "America/St_Johns", "UTC"} {
		for _, times := range [][2]string{{"01:00", "04:00"}, {"02:15", "02:45"}, {"01:30", "01:45"}, {"23:00", "04:00"}, {"00:00", "00:20"}} {
			h := hours(t, times[0], times[1], zone)
			runs := map[string]int{}
			done := ""
			end := utc(t, "2027-01-03 00:00")
			for now := utc(t, "2025-12-30 12:00"); now.Before(end); now = now.Add(5 * time.Minute) {
				if w := h.Next(now, done); !now.Before(w.Begin("1")) {
					runs[w.Day]++
					done = w.Day
				}
			}
			for day := utc(t, "2026-01-01 00:00"); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
				if n := runs[day.Format(time.DateOnly)]; n != 1 {
					t.Errorf("%s %s: %d runs on %s", zone, times, n, day.Format(time.DateOnly))
				}
			}
		}
	}
}

func TestBeginIsSpreadOverTheWindow(t *testing.T) {
	w := hours(t, "01:00", "04:00", "America/Chicago").Next(utc(t, "2026-06-30 00:00"), "")
	perQuarter := map[int]int{}
	for i := range 1000 {
		id := fmt.Sprint(i)
		begin := w.Begin(id)
		if begin.Before(w.Start) || !begin.Before(w.End) || !begin.Equal(w.Begin(id)) {
			t.Fatalf("association %s begins at %s, outside %s to %s", id, begin, w.Start, w.End)
		}
		perQuarter[int(begin.Sub(w.Start)/(45*time.Minute))]++
	}
	for quarter := range 3 {
		if n := perQuarter[quarter]; n < 200 {
			t.Errorf("%d of 1,000 begin in quarter %d: %v", n, quarter, perQuarter)
		}
	}
}

func TestUnreadableHours(t *testing.T) {
	for name, tc := range map[string]struct{ start, end, zone, finding string }{
		"no such time":      {"25:00", "04:00", "", "window_start"},
		"words":             {"01:00", "four", "", "window_end"},
		"only one":          {"01:00", "", "", "not both"},
		"no length":         {"01:00", "01:00", "", "the same"},
		"no such zone":      {"01:00", "04:00", "Central", "time_zone"},
		"the machine's own": {"01:00", "04:00", "Local", "time_zone"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := HoursOf(mapper.Options{WindowStart: tc.start, WindowEnd: tc.end, TimeZone: tc.zone})
			if err == nil || !strings.Contains(err.Error(), tc.finding) {
				t.Errorf("error %v, want one about %q", err, tc.finding)
			}
		})
	}
}

package console

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -12345: "−12,345"} {
		if got := num(n); got != want {
			t.Errorf("num(%d) = %s", n, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 kB", 3 << 30: "3.0 GB"} {
		if got := byteSize(n); got != want {
			t.Errorf("byteSize(%d) = %s", n, got)
		}
	}
}

func TestMoments(t *testing.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	q := &request{zone: chicago, now: noon}
	for _, c := range []struct {
		m          moment
		local, ago string
	}{
		{moment{}, "never", "never"},
		{q.moment(noon.Add(-90 * time.Second)), "Nov 26, 11:58 AM CST", "1 min ago"},
		{q.moment(noon.Add(20 * time.Hour)), "Nov 27, 8:00 AM CST", "in 20 h"},
		{q.moment(time.Date(2025, 7, 1, 12, 0, 0, 0, time.UTC)), "Jul 1 2025, 7:00 AM CDT", "513 days ago"},
	} {
		if c.m.Local() != c.local || c.m.Ago() != c.ago {
			t.Errorf("got %q, %q; want %q, %q", c.m.Local(), c.m.Ago(), c.local, c.ago)
		}
	}
	if got := q.moment(noon).HTML(); got != `<time datetime="2026-11-26T18:00:00Z" title="Nov 26, 12:00 PM CST">a moment ago</time>` {
		t.Errorf("HTML is %s", got)
	}
}

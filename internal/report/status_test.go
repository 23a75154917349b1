package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall/internal/credential"
)

var statusAt = time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *time.Time {
	t := statusAt.Add(-d)
	return &t
}

// allWell is a system that needs nobody.
func allWell() *Status {
	return &Status{
		Source: "chamber", At: statusAt,
		Stream: StreamStatus{Slot: "rollcall", Active: true, RetainedBytes: 3 << 20, SafeBytes: -1, SavedAt: ago(3 * time.Second), FullPassAt: ago(9 * time.Hour)},
		Keys:   []KeyStatus{{Name: "main", Associations: 1, Held: true, Holder: "host", Used: 120, Daily: 10_000, Reserve: 1000, LingerSeconds: 2}},
		Associations: []AssociationStatus{{
			ID: "1", Connection: credential.Connected, Account: "Harbour Chamber", Due: 2, DueSince: ago(time.Second), ReconciledAt: ago(9 * time.Hour),
			LastRun: &Run{ID: 7, Kind: "nightly", State: "done", StartedAt: *ago(9 * time.Hour)}, NightlyAt: ago(-15 * time.Hour),
			Problems: []ProblemStatus{{"no_email", 2}},
		}},
	}
}

func TestStatusWhereAllIsWell(t *testing.T) {
	s := allWell()
	s.Judge(24 * time.Hour)
	if !s.Well || len(s.Attention) != 0 {
		t.Errorf("attention: %v", s.Attention)
	}
	var b strings.Builder
	if err := s.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	const want = `All is well · source chamber · 2026-06-30 12:00 UTC

Stream    slot rollcall is being read; 3.0 MiB of log held; position saved 3 s ago
          every change is looked at; every row was read 9 h ago
Key main  120 of 10000 calls used today, 9880 left (1000 for opt-outs alone); 1 association; changes are gathered for 2 s

ASSOCIATION  ACCOUNT          WAITING  OLDEST  CALLS  LAST RUN               NIGHTLY  QUESTIONS  PROBLEMS
1            Harbour Chamber  2        1 s     0      nightly done, 9 h ago  in 15 h             2 no_email
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
	b.Reset()
	if err := s.Text(&b, true); err != nil || !strings.HasPrefix(b.String(), "\x1b[1m\x1b[32mAll is well\x1b[0m ·") || strings.Count(b.String(), "\x1b") != 3 {
		t.Errorf("in colours: %q, %v", b.String(), err)
	}
}

func TestStatusSaysWhatNeedsAttention(t *testing.T) {
	for want, spoil := range map[string]func(*Status){
		"another one than this state was made for":         func(s *Status) { s.Stream.Foreign = true },
		"there is no replication slot rollcall":            func(s *Status) { s.Stream.SlotProblem = "there is no replication slot rollcall" },
		"nobody reads the slot rollcall":                   func(s *Status) { s.Stream.Active = false },
		"the position was saved last 6 min ago":            func(s *Status) { s.Stream.SavedAt = ago(6 * time.Minute) },
		"drops its log for the slot after another 1.0 MiB": func(s *Status) { s.Stream.SafeBytes = 1 << 20 },
		"changes wait for 11 min to be looked at":          func(s *Status) { s.Stream.TouchedSince = ago(11 * time.Minute) },
		"nobody calls with the API key main":               func(s *Status) { s.Keys[0].Held = false },
		"are used up until 2026-07-01 00:00 UTC":           func(s *Status) { s.Keys[0].ClosedUntil = ago(-12 * time.Hour) },
		"the account is no longer connected: revoked": func(s *Status) {
			s.Associations[0].Connection, s.Associations[0].Detail = credential.NeedsReconnecting, "revoked"
		},
		"the account is not connected":            func(s *Status) { s.Associations[0].Connection = credential.Disconnected },
		"the account is another one than before":  func(s *Status) { s.Associations[0].Connection = credential.OtherAccount },
		"not to be trusted: empty: rollcall.reps": func(s *Status) { s.Associations[0].Alarms = []string{"empty: rollcall.reps had 9 rows and has 0"} },
		"2 questions wait for an answer, for 5 h": func(s *Status) { s.Associations[0].Questions, s.Associations[0].QuestionsSince = 2, ago(5*time.Hour) },
		"the last run failed: no room": func(s *Status) {
			s.Associations[0].LastRun.State, s.Associations[0].LastRun.Detail = "failed", "no room"
		},
		"the whole account was read last 31 h ago": func(s *Status) { s.Associations[0].ReconciledAt = ago(31 * time.Hour) },
		"changes wait for 46 min to be sent":       func(s *Status) { s.Associations[0].DueSince = ago(46 * time.Minute) },
		"Constant Contact works on a call for 7 h": func(s *Status) { s.Associations[0].OpenSince = ago(7 * time.Hour) },
	} {
		s := allWell()
		spoil(s)
		s.Judge(24 * time.Hour)
		if s.Well || len(s.Attention) != 1 || !strings.Contains(s.Attention[0].Text, want) || s.Attention[0].Try == "" {
			t.Errorf("want %q: well %v, attention %q", want, s.Well, s.Attention)
		}
	}
}

// Whatever is wrong with however many associations, it fits one screen, and those
// with trouble are the ones that are shown.
func TestStatusFitsOneScreen(t *testing.T) {
	s := allWell()
	s.Stream.Active, s.Keys[0].Held = false, false
	well := s.Associations[0]
	for i := range 1000 {
		a := well
		a.ID, a.Account = fmt.Sprint("association-", i), strings.Repeat("A long name ", 9)
		a.Problems = []ProblemStatus{{"no_email", 9}, {"invalid_email", 5}, {"email_too_long", 2}, {"refused_by_constant_contact", 1}}
		if i == 777 {
			a.Alarms = []string{"shrank"}
		}
		s.Associations = append(s.Associations, a)
	}
	s.Judge(24 * time.Hour)
	var b strings.Builder
	if err := s.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 24 {
		t.Errorf("it has %d lines", len(lines))
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 190 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if !strings.Contains(b.String(), "association association-777: nobody is taken off") || !strings.Contains(b.String(), "\nassociation-777  A long") || !strings.Contains(b.String(), "and 995 more") {
		t.Errorf("got:\n%s", &b)
	}
}

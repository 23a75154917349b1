package oracle

import (
	"context"
	"time"

	"pgregory.net/rapid"
)

// pass lets time pass.
func (s *system) pass(t *rapid.T) {
	d := pick(t, "time", []time.Duration{5 * time.Second, time.Minute, 61 * time.Minute, 25 * time.Hour})
	t.Logf("%s pass", d)
	s.clock.advance(d)
}

// night is the next half past three in Chicago, when the window is open and
// every run of the night has begun.
func (s *system) night(t *rapid.T) {
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	now := s.clock.Now().In(chicago)
	at := time.Date(now.Year(), now.Month(), now.Day(), 3, 30, 0, 0, chicago)
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, 3, 30, 0, 0, chicago)
	}
	t.Logf("it becomes night: %s", at)
	s.clock.set(at)
	if err := s.turns(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// askSync asks by SQL to bring the list of a group in step now.
func (s *system) askSync(ctx context.Context, t *rapid.T) {
	if len(s.model.office.groups) == 0 {
		t.Skip()
	}
	g := pick(t, "group", s.model.office.groups)
	t.Logf("sync %s now", g.name)
	s.behind = true
	if _, err := s.admin.Exec(ctx, `select rollcall.sync_now($1::bigint::text, $2)`, g.id, s.id); err != nil {
		t.Fatal(err)
	}
	s.model.exact[mirror{what: "group", nth: g.nth}] = true
}

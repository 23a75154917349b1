package oracle

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rollcall/internal/store"
)

// requests takes up what was asked for.
func (s *system) requests(ctx context.Context) (left int, err error) {
	s.wire.planning = true
	requests, err := s.store().Requests(ctx)
	if err != nil {
		return 0, err
	}
	for _, r := range requests {
		if r.Content.Association == nil || *r.Content.Association != s.id {
			continue
		}
		left++
		if r.Content.Ask == "sync_now" {
			err = s.syncRequest(ctx, r)
		} else {
			err = s.keeper.Request(ctx, r)
		}
		if err != nil {
			return 0, fmt.Errorf("request: %w", err)
		}
	}
	return left, s.runs(ctx)
}

func (s *system) syncRequest(ctx context.Context, r store.Request) error {
	g := mirror{what: "group"} // that was deleted since
	for _, group := range s.model.office.groups {
		if strconv.FormatInt(group.id, 10) == r.Content.Group {
			g.nth = group.nth
		}
	}
	before := s.account.look()
	_, there := before.lists[s.model.lists[g]]
	refusable := !s.model.office.open(g) || !there || s.model.existed[g] && !s.model.looked[g]
	if err := s.keeper.Request(ctx, r); err != nil {
		return err
	}
	var state string
	var answer *string
	if err := s.pool.QueryRow(ctx, `select state, answer::text from rollcall_state.request where id = $1`, r.ID).Scan(&state, &answer); err != nil {
		return err
	}
	switch {
	case state == "refused" && r.State == "pending" && !refusable:
		s.model.problem("refuses to sync %s: %s", g, deref(answer))
	case state != "refused" && r.State == "pending" && refusable:
		s.model.problem("syncs %s, which is switched off or has no list", g)
	case state == "running" && r.State == "pending":
		s.model.makeExact(before, g)
	}
	if state == "done" || state == "refused" {
		s.trace("  request for %s: %s %s", g, state, deref(answer))
	}
	return nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// turns does what is due by the clock.
func (s *system) turns(ctx context.Context) error {
	if _, err := s.poll(ctx); err != nil {
		return err
	}
	s.wire.planning = true
	for range 20 {
		worked, _, err := s.keeper.Turn(ctx)
		if err != nil {
			return fmt.Errorf("do what is due: %w", err)
		}
		if err := s.runs(ctx); err != nil || !worked {
			return err
		}
	}
	return fmt.Errorf("do what is due: there is no end to it")
}

// run is a pass that the system has begun.
type run struct {
	ID    int64
	Kind  string
	State string
	Began time.Time
}

// runs notes what the runs that began or ended mean.
func (s *system) runs(ctx context.Context) error {
	rows, err := s.pool.Query(ctx, `select id, kind, state || coalesce(' ' || nullif(detail, ''), ''), started_at from rollcall_state.run
		where source = $1 and association = $2 order by id`, sourceName, s.id)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[run])
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.State == s.model.runs[r.ID] {
			continue
		}
		missed := strings.HasPrefix(r.State, "failed missed") // the night, by a program that was not called
		began := s.model.runs[r.ID] == ""
		s.model.runs[r.ID] = r.State
		s.trace("  run %s: %s", r.Kind, r.State)
		switch {
		case strings.HasPrefix(r.State, "failed") && !s.faulty && !missed && r.State != "failed interrupted":
			s.model.problem("run %s: %s", r.Kind, r.State)
		case r.Kind == "reconcile" && began:
			s.model.readAll()
		}
		if began && r.Kind == "first_look" && !strings.HasPrefix(r.State, "failed") {
			s.model.firstLook(s.account.look())
		}
		if began && !missed {
			s.model.glimpse()
		}
		if began && !missed && slices.Contains([]string{"first_look", "nightly", "reconcile"}, r.Kind) {
			s.model.countRows()
		}
		if r.Kind == "nightly" && began && !missed {
			s.model.night(s.account.look())
		}
		if began && (r.Kind == "nightly" || r.Kind == "reconcile") && !strings.HasPrefix(r.State, "failed") {
			if err := s.sifted(ctx, r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// sifted notes that a run has looked at everybody the state knows. Whoever has no
// work was planned by that; the others, whom it has queued, will be.
func (s *system) sifted(ctx context.Context, run int64) error {
	rows, err := s.pool.Query(ctx, `select x.address, exists (select from rollcall_state.dirty d
			where d.source = $1 and d.association = $2 and d.address = x.address and d.run = $3)
		from (
			select address from rollcall_state.rep_seen where source = $1 and association = $2
			union
			select address from rollcall_state.ledger where source = $1 and association = $2
		) x order by 1`, sourceName, s.id, run)
	if err != nil {
		return err
	}
	var all, idle []string
	var address string
	var queued bool
	_, err = pgx.ForEachRow(rows, []any{&address, &queued}, func() error {
		if all = append(all, address); !queued {
			idle = append(idle, address)
		}
		return nil
	})
	s.trace("  idle: %q of %d", idle, len(all))
	s.model.changesSeen(all)
	s.model.see(idle)
	s.model.planned(idle)
	return err
}

// night makes the lists of all active reps and of the types exact: what is not
// wanted there goes, whoever put it there. The run may end on record before all
// is delivered, when another takes its people over; at rest it is over.
func (m *model) night(now *picture) {
	for _, s := range m.office.sources() {
		if s.what != "group" && m.lists[s] != "" && m.office.open(s) {
			m.exact[s] = true
			m.makeExact(now, s)
		}
	}
}

// readAll: a full reconciliation has read every contact and looked at everybody.
func (m *model) readAll() {
	for _, p := range m.people {
		p.unread, p.lifted = false, false
	}
}

// patience is how long a rest may take: an address may wait a day for its next
// import, and a name for the day after.
const patience = 5 * 24 * time.Hour

// quiet works until nothing is left to do. Time passes as it has to.
func (s *system) quiet(ctx context.Context) error {
	s.held = false
	s.account.sim.Hold(false)
	if s.listGone {
		// Who is to be on other lists besides waits until it is known.
		if err := s.askReconcile(ctx); err != nil {
			return err
		}
	}
	if err := s.follow(ctx); err != nil {
		return err
	}
	giveUp := s.clock.Now().Add(patience)
	for idle := 0; idle < 2; { // once more, as turns may queue and end runs
		if s.clock.Now().After(giveUp) {
			return fmt.Errorf("it does not come to rest")
		}
		quiet, err := s.work(ctx)
		if err != nil {
			return err
		}
		if idle++; !quiet {
			idle = 0
		}
	}
	s.listGone = false
	clear(s.model.exact)
	return nil
}

// work does all there is to do now once. When something is left it lets as much
// time pass as that has to wait.
func (s *system) work(ctx context.Context) (quiet bool, err error) {
	if err := s.turns(ctx); err != nil {
		return false, err
	}
	if err := s.batch(ctx); err != nil {
		return false, err
	}
	asked, err := s.requests(ctx)
	if err != nil {
		return false, err
	}
	if err := s.follow(ctx); asked > 0 && err != nil {
		return false, err
	}
	open, err := s.poll(ctx)
	if err != nil {
		return false, err
	}
	var queued int
	var next *time.Time
	if err := s.pool.QueryRow(ctx, `select count(*), min(coalesce(not_before, $3)) from rollcall_state.dirty
		where source = $1 and association = $2`, sourceName, s.id, s.clock.Now()).Scan(&queued, &next); err != nil {
		return false, err
	}
	if open == 0 && asked == 0 && queued == 0 {
		return true, nil
	}
	s.clock.advance(activityDelay)
	if next != nil && open == 0 && next.After(s.clock.Now()) {
		s.clock.set(*next)
	}
	return false, nil
}

func (s *system) askReconcile(ctx context.Context) error {
	_, err := s.store().Association(s.id).Request(ctx, store.RequestContent{Version: 1, Ask: "reconcile", Association: &s.id}, "oracle")
	return err
}

// idle is a night and a full reconciliation with nothing to do: they write
// nothing.
func (s *system) idle(t *rapid.T) error {
	s.night(t)
	if err := s.quiet(t.Context()); err != nil { // what only a night takes off
		return err
	}
	before := s.wire.writes
	s.night(t)
	if err := s.quiet(t.Context()); err != nil {
		return err
	}
	for _, p := range s.model.people {
		if p.anyway {
			return nil // whoever seems refused is tried once more after two days
		}
	}
	if n := s.wire.writes - before; n > 0 {
		s.model.problem("a night with nothing to do sends %d requests that write", n)
	}
	s.model.namesAtRest(s.account.look())
	return nil
}

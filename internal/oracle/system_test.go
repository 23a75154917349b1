package oracle

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/internal/store"
	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sink/constantcontact"
)

const (
	activityDelay = 4 * time.Second // of the simulator
	linger        = 2 * time.Second
	spacing       = 270 * time.Millisecond // between two requests
)

// start is when every check begins: a Wednesday, 10 o'clock in Chicago. It is
// after the commit time of everything.
var start = time.Date(2031, time.February, 26, 16, 0, 0, 0, time.UTC)

// system is what is judged: everything between the database and the simulator,
// for one association.
type system struct {
	*bench
	model   *model
	account *account
	wire    *wire
	trace   func(format string, args ...any)

	id        string // the association
	deliverer *deliver.Deliverer
	faulty    bool // requests may fail: no promise of a time is kept
	held      bool // activities are held
	handmade  int  // lists made or renamed by hand
}

func newSystem(ctx context.Context, b *bench, trace func(format string, args ...any)) (*system, error) {
	b.clock.set(start)
	o, err := openOffice(ctx, b)
	if err != nil {
		return nil, err
	}
	s := &system{bench: b, model: newModel(o), trace: trace, id: strconv.FormatInt(o.association, 10)}
	s.account = newAccount(b.clock.Now, ccsim.Switches{})
	s.wire = &wire{account: s.account, model: s.model, trace: trace}
	return s, s.restart()
}

// restart throws away what the process knows: only Postgres remembers.
func (s *system) restart() error {
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: "http://localhost/v3", HTTP: &http.Client{Transport: s.wire}, UserAgent: "rollcall test", Now: s.clock.Now,
		Token: func(context.Context) (string, error) { return ourToken, nil },
		Wait: func(context.Context) error {
			s.clock.advance(spacing)
			return nil
		},
	})
	if err != nil {
		return err
	}
	state := s.store().Association(s.id)
	s.deliverer = &deliver.Deliverer{
		ID: s.id, Source: s.source, Store: state, Policy: mapper.Policy{Thresholds: mapper.Thresholds{Off: true}}, Linger: linger, Now: s.clock.Now, Log: s.log,
		Applier: &sink.Applier{API: client, Ledger: state, Now: s.clock.Now, Log: s.log},
	}
	return nil
}

// retries is how often a step is repeated that a fault has spoiled.
const retries = 5

// stream follows the stream and delivers what is due.
func (s *system) stream(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	return s.batch(ctx)
}

// batch delivers what is due. The rows are those of the plan's snapshot: nobody
// works in between.
func (s *system) batch(ctx context.Context) error {
	s.wire.planning = true
	for attempt := 1; ; attempt++ {
		due, err := s.due(ctx)
		if err != nil {
			return err
		}
		s.trace("  batch: %q", due)
		s.model.cut(due)
		_, _, err = s.deliverer.Batch(ctx)
		if err == nil {
			s.model.planned(due)
			return nil
		}
		s.trace("  batch: %v", err)
		if attempt == retries || !s.faulty {
			return fmt.Errorf("deliver: %w", err)
		}
		s.clock.advance(15 * time.Second)
	}
}

// due are the addresses that the next plan is about.
func (s *system) due(ctx context.Context) ([]string, error) {
	found, err := s.pool.Query(ctx, `select address from rollcall_state.dirty
		where source = $1 and association = $2 and (not_before is null or not_before <= $3) order by 1`, sourceName, s.id, s.clock.Now())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// poll asks for the end of open activities.
func (s *system) poll(ctx context.Context) (open int, err error) {
	s.wire.planning = false
	for attempt := 1; ; attempt++ {
		_, open, err = s.deliverer.Applier.Poll(ctx)
		if err == nil {
			s.model.settle(s.account.look())
			return open, nil
		}
		if attempt == retries || !s.faulty {
			return open, fmt.Errorf("poll: %w", err)
		}
		s.clock.advance(15 * time.Second)
	}
}

// requests takes up what was asked for by SQL.
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
		if err := s.request(ctx, r); err != nil {
			return 0, err
		}
		left++
	}
	return left, nil
}

func (s *system) request(ctx context.Context, r store.Request) error {
	g := mirror{"group", 0} // that was deleted since
	for _, group := range s.model.office.groups {
		if strconv.FormatInt(group.id, 10) == r.Content.Group {
			g.nth = group.nth
		}
	}
	refusable := !s.model.office.open(g) || s.model.lists[g] == ""
	before := s.account.look()
	if err := s.deliverer.Sync(ctx, r); err != nil {
		return fmt.Errorf("sync now: %w", err)
	}
	var state string
	var answer *string
	if err := s.pool.QueryRow(ctx, `select state, answer::text from rollcall_state.request where id = $1`, r.ID).Scan(&state, &answer); err != nil {
		return err
	}
	s.trace("  request for %s: %s %s", g, state, deref(answer))
	switch {
	case state == "refused" && !refusable:
		s.model.problem("refuses to sync %s: %s", g, deref(answer))
	case state != "refused" && r.State == "pending" && refusable:
		s.model.problem("syncs %s, which is switched off or has no list", g)
	case state == "running" && r.State == "pending":
		s.model.makeExact(before, g)
	}
	if state == "done" || state == "refused" {
		s.model.exact[g]--
	}
	return nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// quiet works until nothing is left to do. Time passes as it has to.
func (s *system) quiet(ctx context.Context) error {
	s.held = false
	s.account.sim.Hold(false)
	if err := s.follow(ctx); err != nil {
		return err
	}
	for range 80 {
		if err := s.batch(ctx); err != nil {
			return err
		}
		asked, err := s.requests(ctx)
		if err != nil {
			return err
		}
		if err := s.follow(ctx); asked > 0 && err != nil {
			return err
		}
		open, err := s.poll(ctx)
		if err != nil {
			return err
		}
		var queued int
		var next *time.Time
		if err := s.pool.QueryRow(ctx, `select count(*), min(coalesce(not_before, $3)) from rollcall_state.dirty
			where source = $1 and association = $2`, sourceName, s.id, s.clock.Now()).Scan(&queued, &next); err != nil {
			return err
		}
		if open == 0 && asked == 0 && queued == 0 {
			return nil
		}
		s.clock.advance(activityDelay)
		if next != nil && open == 0 && next.After(s.clock.Now()) {
			s.clock.set(*next)
		}
	}
	return fmt.Errorf("it does not come to rest")
}

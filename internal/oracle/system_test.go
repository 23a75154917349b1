package oracle

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"rollcall/internal/ccsim"
	"rollcall/internal/deliver"
	"rollcall/internal/reconcile"
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
	keeper    *reconcile.Reconciler
	policy    mapper.Policy
	passed    time.Time // when changes passed while an account was read
	faulty    bool      // requests may fail: no promise of a time is kept
	held      bool      // activities are held
	listGone  bool      // a list was deleted by hand
	lingers   []string  // addresses that the last batch left to linger
	handmade  int       // lists made or renamed by hand
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
	s.model.time = b.clock.Now
	s.model.met = b.met
	return s, s.restart()
}

// choose sets how the check is to be made, and begins again.
func (s *system) choose(t *rapid.T) error {
	s.model.thresholds = pick(t, "thresholds", []thresholds{anyNumber, anyNumber, byDefault, tight})
	return s.restart()
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
	s.policy.Thresholds = s.model.thresholds.policy()
	log := slog.New(ear{s})
	state := s.store().Association(s.id)
	s.deliverer = &deliver.Deliverer{
		ID: s.id, Source: s.source, Store: state, Policy: s.policy, Linger: linger, Now: s.clock.Now, Log: log,
		Applier: &sink.Applier{
			API: client, Ledger: state, Now: s.clock.Now, Log: log,
			Pause: func(_ context.Context, d time.Duration) error { s.clock.advance(d); return nil },
		},
	}
	s.keeper = &reconcile.Reconciler{
		ID: s.id, Source: s.source, Store: state, Applier: s.deliverer.Applier, Deliverer: s.deliverer, Now: s.clock.Now, Log: log,
		Settings: reconcile.Settings{Every: 24 * time.Hour, SweepEvery: time.Hour, Retention: 30 * 24 * time.Hour},
		Between:  s.between,
	}
	s.deliverer.Applier.TypeIDs, s.deliverer.Applier.Compare = s.keeper.TypeIDs, s.keeper.CompareLists
	return nil
}

// ear listens to the system's log: no line may have an address, and what is an
// error to the system is one here unless a fault explains it.
type ear struct{ *system }

func (e ear) Enabled(context.Context, slog.Level) bool { return true }
func (e ear) WithAttrs([]slog.Attr) slog.Handler       { return e }
func (e ear) WithGroup(string) slog.Handler            { return e }

// Handle hears one line.
func (e ear) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	if r.Level >= slog.LevelWarn {
		e.trace("    log: %s", line)
	}
	if strings.Contains(line, "example.org") {
		e.model.problem("logs an address: %s", line)
	}
	if r.Level >= slog.LevelError && !e.faulty {
		e.model.problem("logs an error: %s", line)
	}
	return nil
}

// between lets changes pass while an account is being read.
func (s *system) between(ctx context.Context) error {
	if s.clock.Now().Sub(s.passed) < linger {
		return nil
	}
	err := s.deliver(ctx)
	s.passed = s.clock.Now()
	return err
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

// batch delivers what is due. When it is about the lists themselves, what is due
// by the clock comes first: the linger sees to that where nothing lags.
func (s *system) batch(ctx context.Context) error {
	due, err := s.due(ctx, linger)
	if err != nil {
		return err
	}
	if slices.Contains(due, "") {
		if err := s.turns(ctx); err != nil {
			return err
		}
	}
	return s.deliver(ctx)
}

// deliver delivers what is due. The rows are those of the plan's snapshot: nobody
// works in between.
func (s *system) deliver(ctx context.Context) error {
	s.wire.planning = true
	for attempt := 1; ; attempt++ {
		due, err := s.due(ctx, linger)
		if err != nil {
			return err
		}
		if s.lingers = nil; len(due) == 0 {
			if s.lingers, err = s.due(ctx, 0); err != nil {
				return err
			}
		}
		s.trace("  batch: %q", due)
		s.model.cut(due)
		if len(due) > 0 {
			s.model.bindExisting(s.account.look())
		}
		waiting, err := s.waiting(ctx)
		if err != nil {
			return err
		}
		worked, _, err := s.deliverer.Batch(ctx)
		if goesOn := worked && len(waiting) > 0; worked != (len(due) > 0) && !goesOn {
			s.model.problem("a batch worked: %v, but due are %q", worked, due)
		}
		if err == nil {
			s.model.planned(due)
			return nil
		}
		s.trace("  batch: %v", err)
		if attempt == retries || !s.faulty {
			return fmt.Errorf("deliver: %w", err)
		}
		queued, err := s.queued(ctx)
		if err != nil {
			return err
		}
		s.model.planned(slices.DeleteFunc(due, func(a string) bool { return slices.Contains(queued, a) }))
		s.clock.advance(15 * time.Second)
	}
}

// due are the addresses that the next plan is about: none while the oldest
// change lingers for so long.
func (s *system) due(ctx context.Context, linger time.Duration) ([]string, error) {
	found, err := s.pool.Query(ctx, `select address from (
			select address, min(touched_at) over () as oldest from rollcall_state.dirty
			where source = $1 and association = $2 and (not_before is null or not_before <= $3)) d
		where oldest <= $4 order by 1`, sourceName, s.id, s.clock.Now(), s.clock.Now().Add(-linger))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// waiting are the addresses that are not due yet, with which the rest of a batch
// may go on: what it does is still what they were planned for.
func (s *system) waiting(ctx context.Context) ([]string, error) {
	found, err := s.pool.Query(ctx, `select address from rollcall_state.dirty
		where source = $1 and association = $2 and not_before > $3`, sourceName, s.id, s.clock.Now())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, pgx.RowTo[string])
}

// queued are the addresses that wait to be planned, now or later.
func (s *system) queued(ctx context.Context) ([]string, error) {
	found, err := s.pool.Query(ctx, `select address from rollcall_state.dirty where source = $1 and association = $2`, sourceName, s.id)
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
			now := s.account.look()
			s.model.settle(now)
			s.model.carried(now)
			return open, nil
		}
		if attempt == retries || !s.faulty {
			return open, fmt.Errorf("poll: %w", err)
		}
		s.clock.advance(15 * time.Second)
	}
}

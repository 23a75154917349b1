package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/source"
	"rollcall/internal/store"
)

// lineage is how a database came from the one on record.
type lineage struct {
	successor bool    // the same server on a later timeline
	kept      cdc.LSN // up to where both logs are the same; 0: they have nothing in common
	wentBack  bool    // something was read that is not in the new one
}

// lineage compares the database that answers with the one on record.
func (a *App) lineage(ctx context.Context, known, now store.Installation) (l lineage, err error) {
	if known.SystemID != now.SystemID || known.DatabaseOID != now.DatabaseOID {
		return l, nil // nobody can compare positions of two logs
	}
	durable, _, err := a.store.Position(ctx)
	if err != nil {
		return l, err
	}
	if now.Timeline > known.Timeline {
		settings := &a.member.Config().ConnConfig.Config
		if l.kept, l.successor, err = cdc.Branch(ctx, settings, known.Timeline, now.Timeline); err != nil {
			if !byTriggers(a.cfg) || !noHistory(err) {
				return l, err
			}
			a.log.Warn("the history of the server's timelines cannot be read without the right to replicate: "+
				"whether the database went back in time is not known, so it is treated as if it had", "err", err)
			l.kept, l.successor = 0, false
		}
	}
	l.wentBack = durable > l.kept
	return l, nil
}

// noHistory says whether the server refuses connections for replication: where
// triggers capture changes it may.
func noHistory(err error) bool {
	var pgErr *pgconn.PgError
	return errors.Is(err, cdc.ErrNoReplication) || errors.Is(err, cdc.ErrRefused) ||
		errors.As(err, &pgErr) && pgErr.Code == "53300" // too_many_connections: max_wal_senders may be 0
}

func (a *App) adopt(ctx context.Context, known, now store.Installation, l lineage, as store.AdoptedAs, by string) error {
	err := a.store.Adopt(ctx, known, store.Adoption{Database: now, As: as, By: by, Kept: l.kept, WentBack: l.wentBack})
	if err != nil {
		return err
	}
	a.log.Warn("adopted another database: looking at everything, removals are held", "source", a.cfg.Source.Name,
		"as", string(as), "by", by, "went_back", l.wentBack || as == store.AdoptedRestored,
		"system_id", now.SystemID, "timeline", now.Timeline, "was_system_id", known.SystemID, "was_timeline", known.Timeline)
	a.accept(now)
	return nil
}

// Adopting is a database that may be taken for the right one.
type Adopting struct {
	Known store.Installation
	Now   store.Installation
	// Successor: it is the same server on a later timeline, as after a failover.
	Successor bool
	// WentBack: something was read from the database on record that is not in
	// this one.
	WentBack bool

	app     *App
	lineage lineage
}

// OpenAdopting compares the database that answers with the one on record, and
// changes nothing. Close must be called on what it returns. Where run was never
// started the error is store.ErrNotStarted.
func OpenAdopting(ctx context.Context, cfg *config.Config, log *slog.Logger, now func() time.Time) (_ *Adopting, err error) {
	a := &App{cfg: cfg, log: log, now: now, identity: newIdentity()}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.state, err = statePool(ctx, cfg, nil); err != nil {
		return nil, err
	}
	// A copy of an older state is brought up to date like that of run.
	if err = store.Started(ctx, a.state); err != nil {
		return nil, err
	}
	if err = store.Migrate(ctx, a.state); err != nil {
		return nil, err
	}
	a.store = store.New(a.state, cfg.Source.Name, now)
	if a.member, err = memberPool(ctx, cfg, nil); err != nil {
		return nil, err
	}
	if a.source, err = source.New(ctx, a.member, customColumns(cfg)...); err != nil {
		return nil, err
	}
	known, recorded, err := a.store.KnownInstallation(ctx)
	if err != nil {
		return nil, err
	}
	if !recorded {
		return nil, fmt.Errorf("read installation of source %q: %w", cfg.Source.Name, store.ErrNotStarted)
	}
	found, err := a.found(ctx)
	if err != nil {
		return nil, err
	}
	l, err := a.lineage(ctx, known, found)
	if err != nil {
		return nil, err
	}
	return &Adopting{Known: known, Now: found, Successor: l.successor, WentBack: l.wentBack && !known.Same(found), app: a, lineage: l}, nil
}

// Close gives the database connections back.
func (d *Adopting) Close() { d.app.Close() }

// Adopt takes the database for the right one. A database that is on record
// already can only be adopted as restored: nothing but a person can tell when a
// disk was set back. Of two at once the second gets store.ErrAdoptedMeanwhile.
func (d *Adopting) Adopt(ctx context.Context, as store.AdoptedAs, by string) error {
	if as == store.AdoptedFailover && d.Known.Same(d.Now) {
		return &RefusedError{What: "adopt database", Detail: "it is the one on record already", Try: "rollcall run"}
	}
	return d.app.adopt(ctx, d.Known, d.Now, d.lineage, as, by)
}

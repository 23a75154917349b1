package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/config"
	"rollcall/internal/source"
	"rollcall/internal/store"
)

// OtherDatabaseError says that another database answers than the one on record:
// a copy, a restored backup or a promoted stand-by.
type OtherDatabaseError struct {
	Source string
	Known  store.Installation
	Now    store.Installation
}

func (e *OtherDatabaseError) Error() string {
	return fmt.Sprintf("check installation: source %q is another database than the one this state was made for "+
		"(a copy, a restored backup or a promoted stand-by): system %s, timeline %d, database oid %d instead of system %s, timeline %d, oid %d; "+
		"nothing is sent until it is adopted", e.Source, e.Now.SystemID, e.Now.Timeline, e.Now.DatabaseOID,
		e.Known.SystemID, e.Known.Timeline, e.Known.DatabaseOID)
}

// ErrAgain ends Run when a stand-by took over and that is to be continued with:
// whoever runs the program makes a new App and runs that.
var ErrAgain = errors.New("another server took over")

// identityEvery is the time between two looks whether the database is still the
// same. A failover under a running program cuts its sessions, and each new one
// is looked at before it is used, so this one finds little.
const identityEvery = time.Minute

// identity is which database was found to be the right one. No session on
// another one is used.
type identity struct {
	accepted  *atomic.Pointer[source.Identity] // nil before that was checked
	withState *atomic.Bool                     // the state is in the same database
	other     signal                           // a session was refused
	every     time.Duration                    // between two looks
}

func newIdentity() identity {
	return identity{accepted: new(atomic.Pointer[source.Identity]), withState: new(atomic.Bool), other: newSignal(), every: identityEvery}
}

// recognise refuses a session with another database than the accepted one.
func (i identity) recognise(ctx context.Context, conn *pgx.Conn) error {
	accepted := i.accepted.Load()
	if accepted == nil {
		return nil
	}
	now, err := source.ReadIdentity(ctx, conn)
	if err != nil {
		return err
	}
	if now != *accepted {
		i.other.set()
		return cdc.ErrOtherServer
	}
	return nil
}

// recogniseState does the same for the state, where that fails over with the
// member database: no intent may be recorded on a server that nobody adopted.
func (i identity) recogniseState(ctx context.Context, conn *pgx.Conn) error {
	if !i.withState.Load() {
		return nil
	}
	return i.recognise(ctx, conn)
}

// watchIdentity ends with an error when another database answers, or another
// one was adopted elsewhere.
func (a *App) watchIdentity(ctx context.Context) error {
	tick := time.NewTicker(a.identity.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.identity.other:
			return a.otherServer(ctx, cdc.ErrOtherServer)
		case <-tick.C:
			now, err := a.source.Identity(ctx)
			if err != nil {
				continue // whoever needs the database tells of it
			}
			known, recorded, err := a.store.KnownInstallation(ctx)
			if err == nil && (!recorded || !known.Same(installation(now))) {
				return a.otherServer(ctx, cdc.ErrOtherServer)
			}
		}
	}
}

// otherServer is the error with which Run ends because another server answers.
func (a *App) otherServer(ctx context.Context, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a.cfg.Source.OnNewTimeline == config.OnNewTimelineContinue {
		return fmt.Errorf("%w: %w", ErrAgain, cause)
	}
	return fmt.Errorf("check installation: source %q: %w: another database than the one this state was made for "+
		"(a copy, a restored backup or a promoted stand-by); nothing is sent until it is adopted", a.cfg.Source.Name, cause)
}

func installation(id source.Identity) store.Installation {
	return store.Installation{SystemID: id.SystemID, Timeline: id.Timeline, DatabaseOID: id.DatabaseOID}
}

// found is the database that answers, as it would be recorded.
func (a *App) found(ctx context.Context) (store.Installation, error) {
	id, err := a.source.Identity(ctx)
	if err != nil {
		return store.Installation{}, err
	}
	now := installation(id)
	if !byTriggers(a.cfg) {
		now.Slot = a.cfg.Source.Slot
	}
	// The state may be anywhere, also on a stand-by's primary of another cluster.
	state, err := source.ReadIdentity(ctx, a.state)
	if err != nil {
		return now, err
	}
	now.WithState = state == id
	return now, nil
}

// checkInstallation refuses to work on a database that is not the one this
// state belongs to, with an *OtherDatabaseError: a copy would mail the
// original's people.
func (a *App) checkInstallation(ctx context.Context) error {
	now, err := a.found(ctx)
	if err != nil {
		return err
	}
	known, err := a.store.Installation(ctx, now)
	if err != nil {
		return err
	}
	if !known.Same(now) {
		return &OtherDatabaseError{Source: a.cfg.Source.Name, Known: known, Now: now}
	}
	a.accept(now)
	return nil
}

func (a *App) accept(now store.Installation) {
	a.identity.withState.Store(now.WithState)
	a.identity.accepted.Store(&source.Identity{SystemID: now.SystemID, Timeline: now.Timeline, DatabaseOID: now.DatabaseOID})
}

// settleInstallation is checkInstallation for run: it goes on with a promoted
// stand-by where that is configured.
func (a *App) settleInstallation(ctx context.Context) error {
	err := a.checkInstallation(ctx)
	other, ok := errors.AsType[*OtherDatabaseError](err)
	if !ok || a.cfg.Source.OnNewTimeline != config.OnNewTimelineContinue {
		return err
	}
	l, lineageErr := a.lineage(ctx, other.Known, other.Now)
	if lineageErr != nil {
		return errors.Join(err, lineageErr)
	}
	if !l.successor {
		return err // another server, or a copy: only a person can say
	}
	err = a.adopt(ctx, other.Known, other.Now, l, store.AdoptedFailover, "on_new_timeline: continue")
	if errors.Is(err, store.ErrAdoptedMeanwhile) { // by another process with this configuration
		return a.checkInstallation(ctx)
	}
	return err
}

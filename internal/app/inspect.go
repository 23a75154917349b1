package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rollcall/internal/config"
	"rollcall/internal/deliver"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// Inspector answers people's questions, and takes down what they ask for, from
// the member database and the state alone. It starts nothing, makes no schema
// and never calls Constant Contact: only the running program does.
type Inspector struct {
	Store *store.Store

	cfg    *config.Config
	now    func() time.Time
	member *pgxpool.Pool
	state  *pgxpool.Pool
	source *source.Source
}

// Inspect opens the member database and the state. Where run was never started
// the error is store.ErrNotStarted. Close must be called on what it returns.
func Inspect(ctx context.Context, cfg *config.Config, now func() time.Time) (_ *Inspector, err error) {
	i := &Inspector{cfg: cfg, now: now}
	defer func() {
		if err != nil {
			i.Close()
		}
	}()
	if i.state, err = statePool(ctx, cfg, nil); err != nil {
		return nil, err
	}
	if err = store.Ready(ctx, i.state); err != nil {
		return nil, err
	}
	i.Store = store.New(i.state, cfg.Source.Name, now)
	if i.member, err = memberPool(ctx, cfg, nil); err != nil {
		return nil, err
	}
	if i.source, err = source.New(ctx, i.member, customColumns(cfg)...); err != nil {
		return nil, err
	}
	return i, nil
}

// Close gives the database connections back.
func (i *Inspector) Close() {
	if i.member != nil {
		i.member.Close()
	}
	if i.state != nil {
		i.state.Close()
	}
}

// UnknownAssociationError names an association that has no connection.
type UnknownAssociationError struct {
	Association string
	Configured  []string
}

func (e *UnknownAssociationError) Error() string {
	return fmt.Sprintf("find association %s: the configuration has no connection for it", e.Association)
}

// Associations are the associations with a connection, in the order of the
// configuration.
func (i *Inspector) Associations() []string {
	ids := make([]string, len(i.cfg.ConstantContact.Connections))
	for n, c := range i.cfg.ConstantContact.Connections {
		ids[n] = c.Association
	}
	return ids
}

// View looks at one association. An association without a connection is an
// *UnknownAssociationError.
func (i *Inspector) View(association string) (*View, error) {
	if configured := i.Associations(); !slices.Contains(configured, association) {
		return nil, &UnknownAssociationError{Association: association, Configured: configured}
	}
	state := i.Store.Association(association)
	return &View{
		ID: association, Store: state, source: i.source, now: i.now, cfg: i.cfg, budgets: store.NewBudgets(i.state),
		planner: &deliver.Deliverer{
			ID: association, Source: i.source, Store: state, Policy: policy(i.cfg), Now: i.now, Log: slog.New(slog.DiscardHandler),
		},
	}, nil
}

// Foreign says whether the member database is another one than the state was
// made for. Then nothing is sent, and answers are about the wrong database.
func (i *Inspector) Foreign(ctx context.Context) (bool, error) {
	known, recorded, err := i.Store.KnownInstallation(ctx)
	if err != nil || !recorded {
		return false, err
	}
	id, err := i.source.Identity(ctx)
	if err != nil {
		return false, err
	}
	return !known.Same(installation(id)), nil
}

// policy is what the operator set about the rules.
func policy(cfg *config.Config) mapper.Policy {
	return mapper.Policy{
		AllActiveName:       cfg.Rules.AllActiveName,
		GroupRequiresActive: cfg.Rules.GroupRequiresActive,
		RemoveOnMissingRow:  cfg.Rules.OnRemoved == config.OnRemovedRemove,
		MoveAddress:         cfg.Rules.OnEmailChange == config.OnEmailChangeMove,
		SendPhone:           cfg.Rules.SendPhone,
		SendAddress:         cfg.Rules.SendAddress,
		CustomFields:        customFields(cfg),
		Thresholds:          thresholds(cfg.Rules.RemovalThresholds),
	}
}

func customFields(cfg *config.Config) []mapper.CustomField {
	var all []mapper.CustomField
	for _, f := range cfg.Rules.CustomFields {
		all = append(all, mapper.CustomField{Column: f.Column, Label: strings.TrimSpace(f.Label)})
	}
	return all
}

// customColumns are the columns of rollcall.reps that custom fields are made of.
func customColumns(cfg *config.Config) []string {
	var all []string
	for _, f := range cfg.Rules.CustomFields {
		all = append(all, f.Column)
	}
	return all
}

// View looks at one association of a source.
type View struct {
	ID    string
	Store *store.Association
	// Planned is told how many more people are planned, where all are. Nil: nobody is.
	Planned func(people int)

	source  *source.Source
	planner *deliver.Deliverer
	now     func() time.Time
	cfg     *config.Config
	budgets *store.Budgets
}

// pieceSize is how many addresses are planned together: more need more memory,
// fewer more round trips.
const pieceSize = 2000

// Each plans everybody of the association, piece by piece, so that memory does
// not grow with people or lists: whoever has a row in rollcall.reps, and whoever
// any plan or call ever concerned. A rep whose e-mail field holds no address
// that can be used is a person of its own.
func (v *View) Each(ctx context.Context, each func(mapper.Input, mapper.Output) error) error {
	snap, err := v.source.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close(ctx)
	w := walk{View: v, each: each, fresh: map[mapper.Address]bool{}}
	err = snap.RefsByAssociation(ctx, v.ID, func(ref source.RepRef) error { return w.row(ctx, ref) })
	if err != nil {
		return err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	return w.known(ctx)
}

// walk goes through the addresses of an association, each once.
type walk struct {
	*View
	each     func(mapper.Input, mapper.Output) error
	pending  []mapper.Address
	unusable []mapper.RepID // reps without an address that can be used
	// fresh were in the view and not in the state yet, which the running
	// program may write down meanwhile. Few, but before the first pass.
	fresh map[mapper.Address]bool
}

func (w *walk) row(ctx context.Context, ref source.RepRef) error {
	if address, problem := mapper.Normalize(ref.Email); problem == "" {
		w.pending = append(w.pending, address)
	} else {
		w.unusable = append(w.unusable, ref.Rep)
	}
	if len(w.pending) < pieceSize && len(w.unusable) < pieceSize {
		return nil
	}
	return w.flush(ctx)
}

// flush plans the pending addresses that the state does not know; the others
// come with known.
func (w *walk) flush(ctx context.Context) error {
	unknown, err := w.Store.UnknownAddresses(ctx, w.pending)
	if err != nil {
		return err
	}
	w.pending = w.pending[:0]
	unknown = slices.DeleteFunc(unknown, func(a mapper.Address) bool {
		twice := w.fresh[a]
		w.fresh[a] = true
		return twice
	})
	if err := w.plan(ctx, unknown); err != nil || len(w.unusable) == 0 {
		return err
	}
	in, err := w.unusableReps(ctx, w.unusable)
	if err != nil {
		return err
	}
	w.tell(len(w.unusable))
	w.unusable = w.unusable[:0]
	return w.each(in, mapper.Plan(in))
}

func (w *walk) known(ctx context.Context) error {
	for after := mapper.Address(""); ; {
		addresses, err := w.Store.KnownAddresses(ctx, after, pieceSize)
		if err != nil || len(addresses) == 0 {
			return err
		}
		after = addresses[len(addresses)-1]
		addresses = slices.DeleteFunc(addresses, func(a mapper.Address) bool { return w.fresh[a] })
		if err := w.plan(ctx, addresses); err != nil {
			return err
		}
	}
}

func (w *walk) plan(ctx context.Context, addresses []mapper.Address) error {
	if len(addresses) == 0 {
		return nil
	}
	in, out, err := w.View.plan(ctx, addresses, nil)
	if err != nil {
		return err
	}
	w.tell(len(addresses))
	return w.each(in, out)
}

func (v *View) tell(people int) {
	if v.Planned != nil {
		v.Planned(people)
	}
}

// plan plans addresses. The planner also reads those from which an e-mail
// change leads to them; they are not part of the answer.
func (v *View) plan(ctx context.Context, addresses []mapper.Address, exact []mapper.ListKey) (mapper.Input, mapper.Output, error) {
	in, out, err := v.planner.Plan(ctx, addresses, exact)
	if err == nil {
		out, err = v.connected(ctx, &in, out)
	}
	if err != nil {
		return in, out, err
	}
	asked := make(map[mapper.Address]bool, len(addresses))
	for _, a := range addresses {
		asked[a] = true
	}
	in.People = slices.DeleteFunc(in.People, func(p mapper.Person) bool { return !asked[p.Address] })
	out.Ops = slices.DeleteFunc(out.Ops, func(op mapper.Op) bool { return !asked[op.Address] })
	out.Decisions = slices.DeleteFunc(out.Decisions, func(d mapper.Decision) bool { return !asked[d.Address] })
	out.OptOuts = slices.DeleteFunc(out.OptOuts, func(m mapper.OptOutMemory) bool { return !asked[m.Address] })
	return in, out, v.await(ctx, &out, addresses)
}

// unusableReps is the planning problem of reps without an address that can be
// used.
func (v *View) unusableReps(ctx context.Context, ids []mapper.RepID) (mapper.Input, error) {
	in, _, err := v.planner.Plan(ctx, nil, nil)
	if err != nil {
		return in, err
	}
	reps, err := v.reps(ctx, ids)
	if err != nil {
		return in, err
	}
	in.People = nil
	for _, rep := range reps {
		if _, problem := mapper.Normalize(rep.Email); problem != "" {
			in.People = append(in.People, mapper.Person{Address: mapper.Address(rep.Email), Holders: []mapper.Rep{*rep}})
		}
	}
	return in, nil
}

// reps reads reps by their ids. An id that the database's own type cannot hold
// is nobody's.
func (v *View) reps(ctx context.Context, ids []mapper.RepID) ([]*mapper.Rep, error) {
	snap, err := v.source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close(ctx)
	reps, err := snap.RepsAt(ctx, v.ID, nil, ids)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "22P02" || pgErr.Code == "22003") {
		return nil, nil
	}
	return reps, err
}

// Guards reads by what operations on lists are held for a person's decision.
// Rows that vanished from the database count although no alarm stands yet: the
// running program looks at them before it takes anybody off; notes say which.
func (v *View) Guards(ctx context.Context, lists []mapper.ListKey) (g mapper.Guards, notes []string, err error) {
	if g.Lists, err = v.Store.ListGuards(ctx, lists, nil); err != nil {
		return g, nil, err
	}
	if g.Source, g.WentBack, err = v.Store.Alarms(ctx); err != nil {
		return g, nil, err
	}
	if g.OptIns, err = v.Store.OptIns(ctx); err != nil {
		return g, nil, err
	}
	if g.AddressChanges, err = v.Store.AddressChanges(ctx); err != nil || len(lists) == 0 {
		return g, nil, err
	}
	snap, err := v.source.Snapshot(ctx)
	if err != nil {
		return g, nil, err
	}
	defer snap.Close(ctx)
	counts, err := snap.Counts(ctx, v.ID)
	if err != nil {
		return g, nil, err
	}
	notes, err = v.Store.Shrunk(ctx, counts)
	g.Source = g.Source || len(notes) > 0
	return g, notes, err
}

// Policy is what the operator set about the rules.
func (v *View) Policy() mapper.Policy { return v.planner.Policy }

package app

import (
	"cmp"
	"context"
	"time"

	"rollcall/internal/console"
	"rollcall/internal/credential"
	"rollcall/internal/reconcile"
)

// office is a console.Office: what its pages show and do, with the functions that
// the commands use.
type office struct {
	*Inspector
	app *App
}

func newOffice(a *App) *office {
	return &office{app: a, Inspector: &Inspector{Store: a.store, cfg: a.cfg, now: a.now, member: a.member, state: a.state, source: a.source}}
}

// Associations are those with a connection, named as their account is; see
// console.Office.
func (o *office) Associations(ctx context.Context) ([]console.Association, error) {
	accounts, err := o.Store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	ids := o.Inspector.Associations()
	all := make([]console.Association, len(ids))
	for i, id := range ids {
		all[i] = console.Association{ID: id, Name: cmp.Or(accounts[id], "Association "+id)}
	}
	return all, nil
}

// Zone is the zone of the association's options; the default where it cannot be
// read.
func (o *office) Zone(ctx context.Context, association string) (*time.Location, error) {
	options, err := o.options(ctx, association)
	if err != nil {
		return nil, err
	}
	return reconcile.ZoneOf(options), nil
}

// connection reads how an association is connected. An access token of the
// configuration counts as connected.
func (v *View) connectionState(ctx context.Context) (credential.Connection, error) {
	known, _, err := v.Store.Connection(ctx)
	if err == nil && v.connection().AccessToken.IsSet() && known.State == credential.Disconnected {
		known.State = credential.Connected
	}
	return known, err
}

package app

import (
	"context"
	"errors"
	"slices"

	"rollcall/internal/budget"
	"rollcall/internal/config"
	"rollcall/internal/credential"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// connected plans again where the account is not connected, or another one:
// then nothing is sent.
func (v *View) connected(ctx context.Context, in *mapper.Input, out mapper.Output) (mapper.Output, error) {
	known, _, err := v.Store.Connection(ctx)
	if err != nil || known.State == credential.Connected {
		return out, err
	}
	if v.connection().AccessToken.IsSet() && known.State == credential.Disconnected {
		return out, nil // no account is on record before the token was used first
	}
	in.Connected, in.OtherAccount = known.State == credential.OtherAccount, known.State == credential.OtherAccount
	return mapper.Plan(*in), nil
}

func (v *View) connection() config.Connection {
	i := slices.IndexFunc(v.cfg.ConstantContact.Connections, func(c config.Connection) bool { return c.Association == v.ID })
	return v.cfg.ConstantContact.Connections[i]
}

// importsADay is how many import rows an address may have in 24 hours.
const importsADay = 5

// await lets operations wait that the sender would not send yet, and says what
// they wait for. What is for an opt-out waits for nothing.
func (v *View) await(ctx context.Context, out *mapper.Output, addresses []mapper.Address) error {
	if len(out.Ops) == 0 {
		return nil
	}
	queue, err := v.Store.Queue(ctx, addresses)
	if err != nil {
		return err
	}
	spent, err := v.spent(ctx)
	if err != nil {
		return err
	}
	type pair struct {
		address mapper.Address
		list    mapper.ListKey
	}
	waits := map[pair]mapper.Reason{}
	out.Ops = slices.DeleteFunc(out.Ops, func(op mapper.Op) bool {
		reason := waitsFor(op, queue[op.Address], spent)
		if reason == "" || op.OptOut {
			return false
		}
		waits[pair{op.Address, op.List}] = reason
		return true
	})
	for i, d := range out.Decisions {
		if reason := waits[pair{d.Address, d.List}]; reason != "" {
			out.Decisions[i].Reason = reason
		}
	}
	return nil
}

// waitsFor is what an operation waits for, empty when it would be sent now.
func waitsFor(op mapper.Op, q store.Queued, spent bool) mapper.Reason {
	switch {
	case q.Busy:
		return mapper.ReasonWaitingActivity
	case spent:
		return mapper.ReasonWaitingDailyBudget
	case op.Kind != mapper.InactivateFromList && q.Imports >= importsADay && (q.Absent || op.Kind == mapper.UpdateFields):
		return mapper.ReasonWaitingAddressLimit
	case q.Later:
		return mapper.ReasonWaitingRate
	}
	return ""
}

// spent reports whether the association's calls of the day are spent.
func (v *View) spent(ctx context.Context) (bool, error) {
	key := v.connection().APIKey
	now := v.now()
	record, err := v.budgets.ReadDay(ctx, keyID(v.cfg, key), budget.StartOfDay(now))
	if err != nil {
		return false, err
	}
	m := budget.Member{Source: v.cfg.Source.Name, Association: v.ID}
	err = budget.NewDay(limits(v.cfg.Pace), members(v.cfg, key), record, now).Check(m, budget.Ordinary, now)
	_, spent := errors.AsType[*budget.SpentError](err)
	return spent, nil
}

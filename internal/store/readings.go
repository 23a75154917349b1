package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// Reading is one address as a read of Constant Contact leaves it.
type Reading struct {
	Address mapper.Address
	Contact mapper.Contact
	Pairs   map[mapper.ListKey]mapper.Pair // those that changed
}

// SaveReadings records what Constant Contact showed.
func (a *Association) SaveReadings(ctx context.Context, readings []Reading) error {
	var contacts contactRows
	var pairs pairRows
	for _, r := range readings {
		contacts.add(r.Address, r.Contact, a.timeIf(r.Contact.Refused))
		for key, p := range r.Pairs {
			pairs.add(key, r.Address, p, r.Contact.ReadAt, a.timeIf(p.Departed))
		}
	}
	return a.begin(ctx, "record read of Constant Contact", func(tx pgx.Tx) error {
		var batch pgx.Batch
		contacts.save(&batch, a)
		pairs.save(&batch, a)
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// contactRows are contacts as they were read, column by column.
type contactRows struct {
	addresses, ids, states []string
	readAt                 []time.Time
	refusedAt              []*time.Time
	lists                  []int32
}

// add adds a contact; refusedAt is nil where it is not refused.
func (r *contactRows) add(address mapper.Address, c mapper.Contact, refusedAt *time.Time) {
	r.addresses, r.ids, r.states = append(r.addresses, string(address)), append(r.ids, c.ID), append(r.states, string(c.State))
	r.readAt, r.refusedAt, r.lists = append(r.readAt, c.ReadAt), append(r.refusedAt, refusedAt), append(r.lists, int32(c.Lists))
}

func (r *contactRows) save(batch *pgx.Batch, a *Association) {
	if len(r.addresses) > 0 {
		batch.Queue(sql.Query("deliver_save_contacts"), a.source, a.id, r.addresses, r.ids, r.states, r.readAt, r.refusedAt, r.lists)
	}
}

// pairRows are pairs as a read leaves them, column by column.
type pairRows struct {
	lists, addresses, told, shown []string
	confirmed, seen               []bool
	shownAt                       []time.Time
	departedAt                    []*time.Time
}

// add adds a pair; departedAt is nil where the person did not leave.
func (r *pairRows) add(key mapper.ListKey, address mapper.Address, p mapper.Pair, shownAt time.Time, departedAt *time.Time) {
	r.lists, r.addresses = append(r.lists, string(key)), append(r.addresses, string(address))
	r.told, r.shown = append(r.told, string(p.Told)), append(r.shown, string(p.Shown))
	r.confirmed, r.seen = append(r.confirmed, p.Confirmed), append(r.seen, p.Seen)
	r.shownAt, r.departedAt = append(r.shownAt, shownAt), append(r.departedAt, departedAt)
}

func (r *pairRows) save(batch *pgx.Batch, a *Association) {
	if len(r.lists) > 0 {
		batch.Queue(sql.Query("deliver_save_pairs"), a.source, a.id, r.lists, r.addresses, r.told, r.confirmed, r.seen, r.shown, r.shownAt, r.departedAt)
	}
}

func (a *Association) timeIf(set bool) *time.Time {
	if !set {
		return nil
	}
	t := a.now()
	return &t
}

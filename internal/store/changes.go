package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
	"rollcall/mapper"
	"rollcall/sql"
)

// AddressChange is an e-mail change that is not finished: what the previous
// addresses are on is still to be carried over to the new one.
type AddressChange struct {
	ID   int64
	Rep  mapper.RepID
	From []mapper.Address // the previous address, and those whose own change was not finished
	To   mapper.Address
	// Lists are still to be added. Nil: the previous addresses have not been
	// read yet.
	Lists []mapper.ListKey
	// NoMove: giving the contact the new address was tried and did not work.
	NoMove bool
}

func scanChange(row pgx.CollectableRow) (AddressChange, error) {
	var c AddressChange
	err := row.Scan(&c.ID, &c.Rep, &c.From, &c.To, &c.Lists, &c.NoMove)
	return c, err
}

// SeenAt is the usable address that a plan sees a rep with.
type SeenAt struct {
	Rep     mapper.RepID
	Address mapper.Address
	Before  mapper.Address // the last one, empty the first time
}

// RecordAddresses records which address a plan sees reps with. Another one than
// before is an e-mail change. A change of the same rep that is not finished is
// taken over by the new one.
func (a *Association) RecordAddresses(ctx context.Context, seen []SeenAt) error {
	if len(seen) == 0 {
		return nil
	}
	return a.begin(ctx, "record addresses", func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, s := range seen {
			if s.Before != "" {
				batch.Queue(sql.Query("changes_record"), a.source, a.id, string(s.Rep), string(s.Before), string(s.Address), a.now())
			}
			batch.Queue(`insert into rollcall_state.rep_now (source, association, rep, address) values ($1, $2, $3, $4)
				on conflict (source, association, rep) do update set address = excluded.address`,
				a.source, a.id, string(s.Rep), string(s.Address))
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		failpoint.Hit(failpoint.ChangesRecording)
		return nil
	})
}

// Carry records what an e-mail change still has to add: the lists on which the
// new address is not. With nothing left the change is finished, and its previous
// addresses are planned again.
func (a *Association) Carry(ctx context.Context, c AddressChange, lists []mapper.ListKey) error {
	keys := make([]string, len(lists))
	for i, key := range lists {
		keys[i] = string(key)
	}
	return a.begin(ctx, "record e-mail change", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update rollcall_state.address_change set lists = $2 where id = $1`, c.ID, keys); err != nil {
			return err
		}
		return a.carried(ctx, tx, 0, string(c.To))
	})
}

// Chain reads the addresses that reps ever had and that a contact has, or had.
func (a *Association) Chain(ctx context.Context, reps []mapper.RepID) (map[mapper.RepID][]mapper.Address, error) {
	ids := make([]string, len(reps))
	for i, r := range reps {
		ids[i] = string(r)
	}
	chain := map[mapper.RepID][]mapper.Address{}
	err := a.each(ctx, sql.Query("changes_chain"), ids, func(rows pgx.Rows) error {
		var rep mapper.RepID
		var address mapper.Address
		err := rows.Scan(&rep, &address)
		chain[rep] = append(chain[rep], address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read previous addresses: %w", err)
	}
	return chain, nil
}

// AddressChanges counts the e-mail changes of the last hour.
func (a *Association) AddressChanges(ctx context.Context) (int, error) {
	var n int
	err := a.pool.QueryRow(ctx, `select count(*) from rollcall_state.address_change
		where source = $1 and association = $2 and seen_at > $3::timestamptz - interval '1 hour'`, a.source, a.id, a.now()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count e-mail changes: %w", err)
	}
	return n, nil
}

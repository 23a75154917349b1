package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sql"
)

// Known is what the state has about one address.
type Known struct {
	Seen       []SeenRep // every rep that was ever seen with it, in order
	OptOut     bool      // remembered
	Contact    mapper.Contact
	ImportedAt []time.Time // import rows of the last 24 hours
	Pairs      map[mapper.ListKey]mapper.Pair
	Open       map[mapper.ListKey]string // op of the call that is on its way
}

// SeenRep is a rep that was seen with an address.
type SeenRep struct {
	Rep      mapper.RepID
	OptedOut *bool // what the last plan saw; nil: no plan yet
}

// Known reads what the state has about addresses; every one of them is in the
// result.
func (a *Association) Known(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]*Known, error) {
	known := make(map[mapper.Address]*Known, len(addresses))
	for _, address := range addresses {
		known[address] = &Known{Pairs: map[mapper.ListKey]mapper.Pair{}, Open: map[mapper.ListKey]string{}}
	}
	list := addressStrings(addresses)
	read := []struct {
		query string
		scan  func(pgx.Rows) error
	}{
		{sql.Query("deliver_seen"), func(rows pgx.Rows) error {
			var address, rep string
			var optedOut *bool
			if err := rows.Scan(&address, &rep, &optedOut); err != nil {
				return err
			}
			k := known[mapper.Address(address)]
			k.Seen = append(k.Seen, SeenRep{mapper.RepID(rep), optedOut})
			return nil
		}},
		{"select address from rollcall_state.opt_out where source = $1 and association = $2 and address = any($3)", func(rows pgx.Rows) error {
			var address string
			if err := rows.Scan(&address); err != nil {
				return err
			}
			known[mapper.Address(address)].OptOut = true
			return nil
		}},
		{sql.Query("deliver_contacts"), func(rows pgx.Rows) error {
			var address, fieldsRep string
			var c mapper.Contact
			var readAt *time.Time
			var imported []time.Time
			if err := rows.Scan(&address, &c.ID, &c.State, &readAt, &fieldsRep, &c.Fields, &c.Refused, &imported); err != nil {
				return err
			}
			if readAt != nil {
				c.ReadAt = *readAt
			}
			c.TouchedBy = mapper.RepID(fieldsRep)
			k := known[mapper.Address(address)]
			k.Contact, k.ImportedAt = c, imported
			return nil
		}},
		{sql.Query("deliver_pairs"), func(rows pgx.Rows) error {
			var address, key, open string
			var p mapper.Pair
			if err := rows.Scan(&address, &key, &p.Told, &p.Confirmed, &p.Seen, &p.Shown, &p.Departed, &open); err != nil {
				return err
			}
			k := known[mapper.Address(address)]
			k.Pairs[mapper.ListKey(key)] = p
			if open != "" {
				k.Open[mapper.ListKey(key)] = open
			}
			return nil
		}},
	}
	for _, r := range read {
		if err := a.each(ctx, r.query, list, r.scan); err != nil {
			return nil, fmt.Errorf("read state of addresses: %w", err)
		}
	}
	return known, nil
}

func (a *Association) each(ctx context.Context, query string, addresses []string, scan func(pgx.Rows) error) error {
	rows, err := a.pool.Query(ctx, query, a.source, a.id, addresses)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Reading is one address as a read of Constant Contact leaves it.
type Reading struct {
	Address mapper.Address
	Contact mapper.Contact
	Pairs   map[mapper.ListKey]mapper.Pair // those that changed
}

// SaveReadings records what Constant Contact showed.
func (a *Association) SaveReadings(ctx context.Context, readings []Reading) error {
	return a.begin(ctx, "record read of Constant Contact", func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, r := range readings {
			batch.Queue(sql.Query("deliver_save_contact"), a.source, a.id, string(r.Address), r.Contact.ID, string(r.Contact.State), r.Contact.ReadAt, a.timeIf(r.Contact.Refused))
			for key, p := range r.Pairs {
				batch.Queue(sql.Query("deliver_save_pair"), a.source, a.id, string(key), string(r.Address),
					string(p.Told), p.Confirmed, p.Seen, string(p.Shown), r.Contact.ReadAt, a.timeIf(p.Departed))
			}
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

func (a *Association) timeIf(set bool) *time.Time {
	if !set {
		return nil
	}
	t := a.now()
	return &t
}

// Lists reads the association's lists.
func (a *Association) Lists(ctx context.Context) ([]sink.BoundList, error) {
	rows, err := a.pool.Query(ctx, `select key, kind, ref, name, list_id, state, existed from rollcall_state.list
		where source = $1 and association = $2 order by key`, a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	lists, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sink.BoundList])
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	return lists, nil
}

// SaveList records a list's binding.
func (a *Association) SaveList(ctx context.Context, l sink.BoundList) error {
	_, err := a.pool.Exec(ctx, `insert into rollcall_state.list (source, association, key, kind, ref, name, list_id, state, existed, bound_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		on conflict (source, association, key) do update
		set name = excluded.name, list_id = excluded.list_id, state = excluded.state, existed = excluded.existed, bound_at = excluded.bound_at`,
		a.source, a.id, string(l.Key), string(l.Kind), l.Ref, l.Name, l.ListID, string(l.State), l.Existed, a.now())
	if err != nil {
		return fmt.Errorf("record list: %w", err)
	}
	return nil
}

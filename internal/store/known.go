package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/failpoint"
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
	Busy       bool                      // a call about the address is on its way
	OptedIn    bool                      // the opt-out was lifted within the last hour
	Changes    []AddressChange           // unfinished e-mail changes to or from the address
	OldAccount mapper.ContactState       // see mapper.Person
}

// SeenRep is a rep that was seen with an address.
type SeenRep struct {
	Rep      mapper.RepID
	OptedOut *bool // what the last plan saw; nil: no plan yet
	Gone     bool  // had opted out then, and a plan has seen since that the rep is gone
}

// Known reads what the state has about addresses; every one of them is in the
// result.
func (a *Association) Known(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]*Known, error) {
	return a.known(ctx, addresses, "address = any($3)", addressStrings(addresses))
}

// KnownStretch is Known of addresses that follow each other in the order of
// KnownAddresses: a stretch of each index is read instead of a place for each address.
func (a *Association) KnownStretch(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]*Known, error) {
	if len(addresses) == 0 {
		return map[mapper.Address]*Known{}, nil
	}
	ends := []string{string(addresses[0]), string(addresses[len(addresses)-1])}
	return a.known(ctx, addresses, "address between ($3::text[])[1] and ($3::text[])[2]", ends)
}

// known reads what the state has about addresses, by a condition with $3. Rows about
// further addresses are left out.
func (a *Association) known(ctx context.Context, addresses []mapper.Address, condition string, which []string) (map[mapper.Address]*Known, error) {
	at := whose{Known: nobody(), all: make(map[mapper.Address]*Known, len(addresses))}
	for _, address := range addresses {
		at.all[address] = nobody()
	}
	key, told, shown, state := newWord(), newWord(), newWord(), newWord()
	read := []struct {
		query string
		scan  func(pgx.Rows) error
	}{
		{sql.Query("deliver_seen"), func(rows pgx.Rows) error {
			var rep string
			var optedOut *bool
			var gone bool
			err := rows.Scan(&at, &rep, &optedOut, &gone)
			at.Seen = append(at.Seen, SeenRep{mapper.RepID(rep), optedOut, gone})
			return err
		}},
		{"select address from rollcall_state.opt_out where source = $1 and association = $2 and address = any($3)", func(rows pgx.Rows) error {
			err := rows.Scan(&at)
			at.OptOut = true
			return err
		}},
		{sql.Query("deliver_contacts"), func(rows pgx.Rows) error {
			var fieldsRep string
			var c mapper.Contact
			var readAt *time.Time
			var imported []time.Time
			err := rows.Scan(&at, &c.ID, state, &readAt, &fieldsRep, &c.Fields, &c.Refused, &c.RefusedFields, &c.Retry, &c.Lists, &imported)
			if readAt != nil {
				c.ReadAt = *readAt
			}
			c.State, c.TouchedBy = mapper.ContactState(state.text), mapper.RepID(fieldsRep)
			at.Contact, at.ImportedAt = c, imported
			return err
		}},
		{sql.Query("deliver_pairs"), func(rows pgx.Rows) error {
			var p mapper.Pair
			err := rows.Scan(&at, key, told, &p.Confirmed, &p.Seen, shown, &p.Departed)
			p.Told, p.Shown = mapper.Told(told.text), mapper.Shown(shown.text)
			at.Pairs[mapper.ListKey(key.text)] = p
			return err
		}},
		// After the pairs: a question may be about a pair that the ledger lacks.
		{sql.Query("deliver_holds"), func(rows pgx.Rows) error {
			var op string
			var h mapper.Hold
			err := rows.Scan(&at, key, &op, &h.Kind, &h.State, &h.Verdict, &h.OptedOut)
			p := at.Pairs[mapper.ListKey(key.text)]
			if op == opAdd {
				p.Add = h
			} else {
				p.Remove = h
			}
			at.Pairs[mapper.ListKey(key.text)] = p
			return err
		}},
		{sql.Query("deliver_opted_in"), func(rows pgx.Rows) error {
			err := rows.Scan(&at)
			at.OptedIn = true
			return err
		}},
		{"select address, state from rollcall_state.old_account where source = $1 and association = $2 and address = any($3)", func(rows pgx.Rows) error {
			err := rows.Scan(&at, state)
			at.OldAccount = mapper.ContactState(state.text)
			return err
		}},
	}
	for _, r := range read {
		if err := a.each(ctx, strings.Replace(r.query, "address = any($3)", condition, 1), which, r.scan); err != nil {
			return nil, fmt.Errorf("read state of addresses: %w", err)
		}
	}
	list := addressStrings(addresses)
	err := a.each(ctx, sql.Query("deliver_open"), list, func(rows pgx.Rows) error {
		var op string
		err := rows.Scan(&at, key, &op)
		if at.Busy = true; key.text != "" {
			at.Open[mapper.ListKey(key.text)] = op
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read state of addresses: %w", err)
	}
	err = a.each(ctx, sql.Query("deliver_changes"), list, func(rows pgx.Rows) error {
		c, err := scanChange(rows)
		for _, address := range append([]mapper.Address{c.To}, c.From...) {
			if k := at.all[address]; k != nil {
				k.Changes = append(k.Changes, c)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read state of addresses: %w", err)
	}
	return at.all, nil
}

// SameContact reads under which addresses of people in the database contacts are known,
// by their ids.
func (a *Association) SameContact(ctx context.Context, ids []string) (map[string][]mapper.Address, error) {
	same := map[string][]mapper.Address{}
	err := a.each(ctx, sql.Query("deliver_same_contact"), ids, func(rows pgx.Rows) error {
		var id string
		var address mapper.Address
		err := rows.Scan(&id, &address)
		same[id] = append(same[id], address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read addresses of contacts: %w", err)
	}
	return same, nil
}

// RepFacts is what the state has about reps.
type RepFacts struct {
	Now      map[mapper.RepID]mapper.Address                     // the last address that a plan saw
	Previous map[mapper.RepID]map[mapper.Address]PreviousAddress // of the rep's other addresses, those that show something
	// Allowed is when that was allowed for a present address: on one list, or on all of
	// them under no key.
	Allowed map[mapper.RepID]map[mapper.Address]map[mapper.ListKey]time.Time
}

// PreviousAddress is what an address that a rep had shows in Constant Contact.
type PreviousAddress struct {
	Reason mapper.Reason                // empty when its contact can be mailed
	Since  time.Time                    // of the reason; zero when that is not known
	Left   map[mapper.ListKey]time.Time // lists that it left, and when
}

// RepFacts reads what the state has about reps.
func (a *Association) RepFacts(ctx context.Context, reps []mapper.RepID) (RepFacts, error) {
	f := RepFacts{
		Now:      map[mapper.RepID]mapper.Address{},
		Previous: map[mapper.RepID]map[mapper.Address]PreviousAddress{},
		Allowed:  map[mapper.RepID]map[mapper.Address]map[mapper.ListKey]time.Time{},
	}
	ids := make([]string, len(reps))
	for i, r := range reps {
		ids[i] = string(r)
	}
	err := a.each(ctx, sql.Query("deliver_rep_now"), ids, func(rows pgx.Rows) error {
		var rep mapper.RepID
		var address mapper.Address
		err := rows.Scan(&rep, &address)
		f.Now[rep] = address
		return err
	})
	if err == nil {
		err = a.each(ctx, sql.Query("deliver_previous"), ids, func(rows pgx.Rows) error {
			var rep mapper.RepID
			var address mapper.Address
			var state mapper.ContactState
			var left mapper.ListKey
			var since, departed *time.Time
			if err := rows.Scan(&rep, &address, &state, &since, &left, &departed); err != nil {
				return err
			}
			if f.Previous[rep] == nil {
				f.Previous[rep] = map[mapper.Address]PreviousAddress{}
			}
			p := f.Previous[rep][address]
			if state != "" {
				p.Reason = previousReason(state)
			}
			if since != nil {
				p.Since = *since
			}
			if left != "" {
				if p.Left == nil {
					p.Left = map[mapper.ListKey]time.Time{}
				}
				p.Left[left] = *departed
			}
			f.Previous[rep][address] = p
			return nil
		})
	}
	if err == nil {
		err = a.each(ctx, sql.Query("deliver_allowed"), ids, func(rows pgx.Rows) error {
			var rep mapper.RepID
			var address mapper.Address
			var list mapper.ListKey
			var at time.Time
			err := rows.Scan(&rep, &address, &list, &at)
			if f.Allowed[rep] == nil {
				f.Allowed[rep] = map[mapper.Address]map[mapper.ListKey]time.Time{}
			}
			if f.Allowed[rep][address] == nil {
				f.Allowed[rep][address] = map[mapper.ListKey]time.Time{}
			}
			f.Allowed[rep][address][list] = at
			return err
		})
	}
	if err != nil {
		return f, fmt.Errorf("read state of reps: %w", err)
	}
	return f, nil
}

// previousReason is what the state of a previous address's contact means for
// the rep's present address.
func previousReason(state mapper.ContactState) mapper.Reason {
	switch state {
	case mapper.ContactUnsubscribed:
		return mapper.ReasonPreviousUnsubscribed
	case mapper.ContactDeleted:
		return mapper.ReasonPreviousDeleted
	case mapper.ContactOnHold:
		return mapper.ReasonPreviousOnHold
	}
	return ""
}

// Lists reads the association's lists.
func (a *Association) Lists(ctx context.Context) ([]sink.BoundList, error) {
	rows, err := a.pool.Query(ctx, `select key, kind, ref, name, list_id, state, existed, looked_at is not null, keep_foreign, source_name, type_id from rollcall_state.list
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
	made := l.State == mapper.ListBound && !l.Existed
	if made {
		failpoint.Hit(failpoint.ListMade)
	}
	_, err := a.write(ctx, "record list", `insert into rollcall_state.list
			(source, association, key, kind, ref, name, list_id, state, existed, bound_at, keep_foreign, source_name, type_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		on conflict (source, association, key) do update
		set name = excluded.name, list_id = excluded.list_id, state = excluded.state, existed = excluded.existed, bound_at = excluded.bound_at,
		    keep_foreign = excluded.keep_foreign, source_name = excluded.source_name, type_id = excluded.type_id`,
		a.source, a.id, string(l.Key), string(l.Kind), l.Ref, l.Name, l.ListID, string(l.State), l.Existed, a.now(), l.KeepForeign, l.SourceName, l.TypeID)
	switch {
	case made:
		failpoint.Hit(failpoint.ListRecorded)
	case l.State == sink.ListCreating:
		failpoint.Hit(failpoint.ListBegun)
	}
	return err
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rollcall/mapper"
	"rollcall/sink"
	"rollcall/sql"
)

// Expected is what the ledger expects of an address.
type Expected struct {
	Known bool // to the state, in whatever way
	// On are the lists on which a read should show the address, or show why not:
	// a miss there means something. Where people were asked whether it left, a
	// further miss means nothing new.
	On []mapper.ListKey
	// NotActive: the last read showed a contact that cannot be mailed.
	NotActive bool
}

// Expect reads what the state expects of addresses that a page showed.
func (a *Association) Expect(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]Expected, error) {
	expected := make(map[mapper.Address]Expected, len(addresses))
	rows, err := a.pool.Query(ctx, sql.Query("reconcile_expect"), a.source, a.id, addressStrings(addresses))
	if err != nil {
		return nil, fmt.Errorf("read what is known of a page: %w", err)
	}
	var address mapper.Address
	var on []mapper.ListKey
	var notActive bool
	_, err = pgx.ForEachRow(rows, []any{&address, &on, &notActive}, func() error {
		expected[address] = Expected{Known: true, On: on, NotActive: notActive}
		on = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is known of a page: %w", err)
	}
	return expected, nil
}

// OnRecord is what is known of somebody, as far as a page may confirm it.
type OnRecord struct {
	Contact mapper.Contact                 // without fields; the zero value where nothing was read yet
	Pairs   map[mapper.ListKey]mapper.Pair // without what people were asked about them
}

// OnRecord reads what is known of addresses, in their order: of two halves of them
// at once.
func (a *Association) OnRecord(ctx context.Context, addresses []mapper.Address) ([]OnRecord, error) {
	known := make([]OnRecord, len(addresses))
	half := len(addresses) / 2
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.onRecord(ctx, addresses[:half], known[:half]) })
	g.Go(func() error { return a.onRecord(ctx, addresses[half:], known[half:]) })
	return known, g.Wait()
}

func (a *Association) onRecord(ctx context.Context, addresses []mapper.Address, known []OnRecord) error {
	list := addressStrings(addresses)
	var n int
	var c mapper.Contact
	err := a.scan(ctx, sql.Query("reconcile_page_contacts"), list, []any{&n, &c.ID, &c.State, &c.ReadAt, &c.Lists, &c.Refused}, func() {
		known[n].Contact = c
	})
	if err != nil {
		return fmt.Errorf("read what is known of a page: %w", err)
	}
	key, told, shown := newWord(), newWord(), newWord()
	var p mapper.Pair
	err = a.scan(ctx, sql.Query("reconcile_page_pairs"), list, []any{&n, key, told, &p.Confirmed, &p.Seen, shown, &p.Departed}, func() {
		p.Told, p.Shown = mapper.Told(told.text), mapper.Shown(shown.text)
		if known[n].Pairs == nil {
			known[n].Pairs = make(map[mapper.ListKey]mapper.Pair, 4)
		}
		known[n].Pairs[mapper.ListKey(key.text)] = p
	})
	if err != nil {
		return fmt.Errorf("read what is known of a page: %w", err)
	}
	return nil
}

// KeepShown keeps, until the pull is complete, whom its pages showed just as they
// are known.
func (a *Association) KeepShown(ctx context.Context, addresses []mapper.Address) error {
	return a.begin(ctx, "record page", func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"rollcall_state", "shown"}, []string{"source", "association", "address"},
			pgx.CopyFromSlice(len(addresses), func(i int) ([]any, error) { return []any{a.source, a.id, string(addresses[i])}, nil }))
		return err
	})
}

// AccountRead records that the reading of the whole account that began then is
// complete: whoever is known to have a contact, and was not left unread, was read.
func (a *Association) AccountRead(ctx context.Context, began time.Time) error {
	_, err := a.write(ctx, "record reading of the account", sql.Query("reconcile_account_read"), a.source, a.id, began)
	return err
}

// Missed is a contact whose page did not show it on lists that the ledger
// expects.
type Missed struct {
	Address mapper.Address
	Shown   sink.Shown
	On      []mapper.ListKey // lists that were missed
	Suspect []mapper.ListKey // those of them that may mean that the person left
}

// ForgetPull empties what a pull keeps while it is under way.
func (a *Association) ForgetPull(ctx context.Context) error {
	return a.begin(ctx, "forget pull", func(tx pgx.Tx) error {
		for _, table := range []string{"pulled", "shown"} {
			if _, err := tx.Exec(ctx, "delete from rollcall_state."+table+" where source = $1 and association = $2", a.source, a.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// KeepMissed keeps misses until the pull is complete.
func (a *Association) KeepMissed(ctx context.Context, missed []Missed) error {
	return a.begin(ctx, "record page", func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, m := range missed {
			lists := make([]string, 0, len(m.Shown.Lists))
			for id := range m.Shown.Lists {
				lists = append(lists, id)
			}
			batch.Queue(sql.Query("reconcile_keep_missed"), a.source, a.id, string(m.Address), m.Shown.ID, string(m.Shown.State), lists,
				m.Shown.ReadAt, keyStrings(m.On), keyStrings(m.Suspect))
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// Missed reads at most limit misses behind an address, in order; with suspects
// only those that may mean that somebody left.
func (a *Association) Missed(ctx context.Context, after mapper.Address, limit int, suspects bool) ([]Missed, error) {
	rows, err := a.pool.Query(ctx, `select address, contact_id, state, lists, read_at, missed, suspect from rollcall_state.pulled
		where source = $1 and association = $2 and address > $3 and (suspect <> '{}' or not $5) order by address limit $4`,
		a.source, a.id, string(after), limit, suspects)
	if err != nil {
		return nil, fmt.Errorf("read misses: %w", err)
	}
	missed, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Missed, error) {
		m := Missed{Shown: sink.Shown{Lists: map[string]bool{}}}
		var lists []string
		err := row.Scan(&m.Address, &m.Shown.ID, &m.Shown.State, &lists, &m.Shown.ReadAt, &m.On, &m.Suspect)
		for _, id := range lists {
			m.Shown.Lists[id] = true
		}
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("read misses: %w", err)
	}
	return missed, nil
}

// Unshown reads at most limit addresses that no page since the time showed
// although the state knows of a contact, those read longest ago first. With
// lists it is only about people who should be on one of them. It also counts
// all of them, by list.
func (a *Association) Unshown(ctx context.Context, since time.Time, lists []mapper.ListKey, limit int) (addresses []mapper.Address, err error) {
	// What just filled is taken for empty otherwise, and read once for each contact.
	if _, err := a.write(ctx, "count who was shown", "analyze rollcall_state.shown"); err != nil {
		return nil, err
	}
	rows, err := a.pool.Query(ctx, sql.Query("reconcile_unshown"), a.source, a.id, since, keyStrings(lists), limit)
	if err != nil {
		return nil, fmt.Errorf("read who was not shown: %w", err)
	}
	addresses, err = pgx.CollectRows(rows, pgx.RowTo[mapper.Address])
	if err != nil {
		return nil, fmt.Errorf("read who was not shown: %w", err)
	}
	return addresses, nil
}

// ListSizes is how many people we believe to be on each list.
func (a *Association) ListSizes(ctx context.Context) (map[mapper.ListKey]int, error) {
	rows, err := a.pool.Query(ctx, `select list, count(*) from rollcall_state.ledger
		where source = $1 and association = $2 and (shown = 'on' or told = 'add' and confirmed and shown <> 'off') group by list`, a.source, a.id)
	if err != nil {
		return nil, fmt.Errorf("count lists: %w", err)
	}
	sizes := map[mapper.ListKey]int{}
	var key mapper.ListKey
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { sizes[key] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count lists: %w", err)
	}
	return sizes, nil
}

// OnList reads at most limit addresses behind an address that the last read
// showed on a list, in order.
func (a *Association) OnList(ctx context.Context, list mapper.ListKey, after mapper.Address, limit int) ([]mapper.Address, error) {
	return a.people(ctx, `select address from rollcall_state.ledger
		where source = $1 and association = $2 and list = $5 and shown = 'on' and address > $3 order by address limit $4`, after, limit, string(list))
}

// Mailable reads at most limit addresses behind an address that some rep had
// and whose contact can be mailed, in order.
func (a *Association) Mailable(ctx context.Context, after mapper.Address, limit int) ([]mapper.Address, error) {
	return a.people(ctx, sql.Query("reconcile_mailable"), after, limit)
}

func (a *Association) people(ctx context.Context, query string, after mapper.Address, limit int, args ...any) ([]mapper.Address, error) {
	rows, err := a.pool.Query(ctx, query, append([]any{a.source, a.id, string(after), limit}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	addresses, err := pgx.CollectRows(rows, pgx.RowTo[mapper.Address])
	if err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	return addresses, nil
}

// StillMailable returns those of the addresses that the state knows, and not as
// unsubscribed or deleted.
func (a *Association) StillMailable(ctx context.Context, addresses []mapper.Address) ([]mapper.Address, error) {
	rows, err := a.pool.Query(ctx, sql.Query("reconcile_still_mailable"), a.source, a.id, addressStrings(addresses))
	if err != nil {
		return nil, fmt.Errorf("read state of addresses: %w", err)
	}
	news, err := pgx.CollectRows(rows, pgx.RowTo[mapper.Address])
	if err != nil {
		return nil, fmt.Errorf("read state of addresses: %w", err)
	}
	return news, nil
}

// QueueRefused queues the addresses whose one retry after a refusal is due.
func (a *Association) QueueRefused(ctx context.Context) (int, error) {
	rows, err := a.write(ctx, "queue refused addresses", sql.Query("reconcile_refused"), a.source, a.id, a.now())
	return int(rows), err
}

// RetryRefused makes the retry of one address due now, whenever the last was;
// false when the address was not refused.
func (a *Association) RetryRefused(ctx context.Context, address mapper.Address) (bool, error) {
	rows, err := a.write(ctx, "retry refused address", `update rollcall_state.contact set refused_at = $4::timestamptz - interval '49 hours', retried_at = null
		where source = $1 and association = $2 and address = $3 and refused_at is not null`, a.source, a.id, string(address), a.now())
	return rows > 0, err
}

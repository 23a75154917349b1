package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// SeenAddress is an address that the state knows, with every rep that ever had
// it.
type SeenAddress struct {
	Address mapper.Address
	Reps    []mapper.RepID
}

// Addresses reads at most limit addresses of people behind an address, in
// order.
func (a *Association) Addresses(ctx context.Context, after mapper.Address, limit int) ([]SeenAddress, error) {
	rows, err := a.pool.Query(ctx, sql.Query("reconcile_addresses"), a.source, a.id, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	seen, err := pgx.CollectRows(rows, pgx.RowToStructByPos[SeenAddress])
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	return seen, nil
}

// Held records of addresses whether anybody in the database has to do with them
// now.
func (a *Association) Held(ctx context.Context, held, unheld []mapper.Address) error {
	_, err := a.write(ctx, "record whose addresses are held", sql.Query("reconcile_held"), a.source, a.id, addressStrings(held), addressStrings(unheld), a.now())
	return err
}

// oldAccountPrefix stands before what an account before this one showed, where the
// table of erased people has a list.
const oldAccountPrefix = "old_account:"

// EraseUnheld removes at most limit addresses with which nobody had to do since
// before the time, with all that is kept about them. Opt-outs and departures
// stay, under a keyed hash.
func (a *Association) EraseUnheld(ctx context.Context, before time.Time, limit int) (erased int, err error) {
	key, err := a.hashKey(ctx)
	if err != nil {
		return 0, err
	}
	err = a.begin(ctx, "erase people", func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql.Query("reconcile_erasable"), a.source, a.id, before, limit)
		if err != nil {
			return err
		}
		var addresses []string
		var batch pgx.Batch
		var address mapper.Address
		var optedOut bool
		var left []string
		var elsewhere string // what an account before this one showed
		_, err = pgx.ForEachRow(rows, []any{&address, &optedOut, &left, &elsewhere}, func() error {
			addresses = append(addresses, string(address))
			if optedOut {
				left = append(left, "") // stands for the opt-out
			}
			if elsewhere != "" {
				left = append(left, oldAccountPrefix+elsewhere)
			}
			for _, list := range left {
				batch.Queue(`insert into rollcall_state.erased (source, association, hash, list) values ($1, $2, $3, $4) on conflict do nothing`,
					a.source, a.id, a.hash(key, address), list)
			}
			left = nil
			return nil
		})
		if err != nil || len(addresses) == 0 {
			return err
		}
		for _, table := range []string{"rep_seen", "rep_now", "opt_out", "opt_in", "previous_allowed", "previous_allowed_list", "contact", "old_account", "ledger", "approval_pair"} {
			batch.Queue("delete from rollcall_state."+table+" where source = $1 and association = $2 and address = any($3)", a.source, a.id, addresses)
		}
		batch.Queue(`delete from rollcall_state.address_change
			where source = $1 and association = $2 and (to_address = any($3) or from_address && $3::text[])`, a.source, a.id, addresses)
		batch.Queue(`delete from rollcall_state.intent i using rollcall_state.activity a
			where a.id = i.activity and a.source = $1 and a.association = $2 and i.address = any($3)`, a.source, a.id, addresses)
		erased = len(addresses)
		return tx.SendBatch(ctx, &batch).Close()
	})
	return erased, err
}

// ErasedFacts is what is remembered of an address whose rows were erased.
type ErasedFacts struct {
	OptedOut   bool
	Left       []mapper.ListKey
	OldAccount mapper.ContactState // see mapper.Person
}

// Erased returns what is remembered of those of the addresses that were erased
// once.
func (a *Association) Erased(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]ErasedFacts, error) {
	facts := map[mapper.Address]ErasedFacts{}
	var some bool
	err := a.pool.QueryRow(ctx, "select exists (select from rollcall_state.erased where source = $1 and association = $2)", a.source, a.id).Scan(&some)
	if err != nil {
		return nil, fmt.Errorf("read erased people: %w", err)
	}
	if !some || len(addresses) == 0 {
		return facts, nil
	}
	key, err := a.hashKey(ctx)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(addresses))
	of := make(map[string]mapper.Address, len(addresses))
	for i, address := range addresses {
		hashes[i] = a.hash(key, address)
		of[string(hashes[i])] = address
	}
	rows, err := a.pool.Query(ctx, "select hash, list from rollcall_state.erased where source = $1 and association = $2 and hash = any($3)", a.source, a.id, hashes)
	if err != nil {
		return nil, fmt.Errorf("read erased people: %w", err)
	}
	var hash []byte
	var list mapper.ListKey
	_, err = pgx.ForEachRow(rows, []any{&hash, &list}, func() error {
		f := facts[of[string(hash)]]
		elsewhere, isState := strings.CutPrefix(string(list), oldAccountPrefix)
		switch {
		case list == "":
			f.OptedOut = true
		case isState:
			f.OldAccount = mapper.ContactState(elsewhere)
		default:
			f.Left = append(f.Left, list)
		}
		facts[of[string(hash)]] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read erased people: %w", err)
	}
	return facts, nil
}

// Recall makes what is remembered of erased people theirs again, when their
// addresses are back in the database: from then on it is lifted like any other
// opt-out or departure. It is called before addresses are planned.
func (a *Association) Recall(ctx context.Context, addresses []mapper.Address) error {
	facts, err := a.Erased(ctx, addresses)
	if err != nil || len(facts) == 0 {
		return err
	}
	key, err := a.hashKey(ctx)
	if err != nil {
		return err
	}
	return a.begin(ctx, "recall erased people", func(tx pgx.Tx) error {
		var batch pgx.Batch
		for address, f := range facts {
			if f.OptedOut {
				batch.Queue(`insert into rollcall_state.opt_out (source, association, address, since) values ($1, $2, $3, $4) on conflict do nothing`,
					a.source, a.id, string(address), a.now())
			}
			if f.OldAccount != "" {
				batch.Queue(`insert into rollcall_state.old_account (source, association, address, state) values ($1, $2, $3, $4) on conflict do nothing`,
					a.source, a.id, string(address), string(f.OldAccount))
			}
			for _, list := range f.Left {
				batch.Queue(`insert into rollcall_state.ledger as l (source, association, list, address, shown, departed_at) values ($1, $2, $3, $4, 'off', $5)
					on conflict (source, association, list, address) do update set departed_at = coalesce(l.departed_at, excluded.departed_at)
					where l.shown <> 'on'`, a.source, a.id, string(list), string(address), a.now())
			}
			batch.Queue("delete from rollcall_state.erased where source = $1 and association = $2 and hash = $3", a.source, a.id, a.hash(key, address))
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
}

// hashKey is the installation's key for the hashes of erased addresses, made
// when it is needed first. Without it nobody can try addresses on them.
func (a *Association) hashKey(ctx context.Context) ([]byte, error) {
	var key []byte
	err := a.pool.QueryRow(ctx, "select hash_key from rollcall_state.installation where source = $1", a.source).Scan(&key)
	if err != nil {
		return nil, fmt.Errorf("read hash key: %w", err)
	}
	if key != nil {
		return key, nil
	}
	fresh := make([]byte, sha256.Size)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("make hash key: %w", err)
	}
	err = a.begin(ctx, "record hash key", func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `update rollcall_state.installation set hash_key = coalesce(hash_key, $2) where source = $1 returning hash_key`,
			a.source, fresh).Scan(&key)
	})
	return key, err
}

// hash stands for an address of the association: HMAC-SHA-256 over source,
// association and address.
func (a *Association) hash(key []byte, address mapper.Address) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range []string{a.source, a.id, string(address)} {
		// Each part with its length: no two triples run together to the same text.
		fmt.Fprintf(h, "%d:%s;", len(part), part)
	}
	return h.Sum(nil)
}

// ForgetOld removes what ended before the times: calls and requests, which name
// people, before the first; reports, e-mail changes, questions that are settled
// and the counts of days before the second.
func (a *Association) ForgetOld(ctx context.Context, calls, reports time.Time) error {
	return a.begin(ctx, "forget what ended", func(tx pgx.Tx) error {
		for _, d := range []struct {
			statement string
			before    time.Time
		}{
			{`delete from rollcall_state.activity where source = $1 and association = $2 and state in ('ended', 'rejected') and ended_at < $3`, calls},
			// What names no association is forgotten by whichever comes first.
			{`delete from rollcall_state.request
				where source = $1 and coalesce(content->>'association', $2) = $2 and state in ('done', 'refused') and ended_at < $3`, calls},
			{`delete from rollcall_state.opt_in where source = $1 and association = $2 and lifted_at < $3`, calls},
			{`delete from rollcall_state.run where source = $1 and association = $2 and state <> 'running' and ended_at < $3`, reports},
			{`delete from rollcall_state.address_change where source = $1 and association = $2 and ended_at < $3`, reports},
			// An answer that still keeps somebody from being asked about again stays.
			{`delete from rollcall_state.approval q where source = $1 and association = $2 and coalesce(decided_at, asked_at) < $3
				and (state = 'withdrawn' or state <> 'waiting'
					and not exists (select from rollcall_state.approval_pair p where p.approval = q.id and p.ended = ''))`, reports},
			{`delete from rollcall_state.budget_share where source = $1 and association = $2 and day < $3::timestamptz::date`, reports},
		} {
			if _, err := tx.Exec(ctx, d.statement, a.source, a.id, d.before); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "delete from rollcall_state.budget where day < $1::timestamptz::date", reports)
		return err
	})
}

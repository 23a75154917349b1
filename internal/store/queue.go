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

// Dirty is one address that is to be planned again. The address "" stands for
// the association's lists themselves.
type Dirty struct {
	Address   mapper.Address
	Version   int64
	TouchedAt time.Time // commit time of the oldest change
	Exact     []string  // lists that drop everybody not wanted
	Run       int64     // the run that queued it, 0 for the stream
	Busy      bool      // a call about the address is on its way
}

// Due reads at most limit dirty addresses that wait for nothing: first those of
// people who opted out, then the oldest.
func (a *Association) Due(ctx context.Context, limit int) ([]Dirty, error) {
	rows, err := a.pool.Query(ctx, sql.Query("deliver_due"), a.source, a.id, a.now(), limit)
	if err != nil {
		return nil, fmt.Errorf("read dirty addresses: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Dirty])
	if err != nil {
		return nil, fmt.Errorf("read dirty addresses: %w", err)
	}
	return due, nil
}

// Waiting is when the oldest change of an address that waits for nothing was
// committed, zero where there is none; full says that there are limit of them.
func (a *Association) Waiting(ctx context.Context, limit int) (oldest time.Time, full bool, err error) {
	var at *time.Time
	if err := a.pool.QueryRow(ctx, sql.Query("deliver_oldest"), a.source, a.id, a.now(), limit).Scan(&at, &full); err != nil {
		return oldest, false, fmt.Errorf("read the oldest dirty address: %w", err)
	}
	if at != nil {
		oldest = *at
	}
	return oldest, full, nil
}

// Versions are the versions of those addresses that are queued.
func (a *Association) Versions(ctx context.Context, addresses []mapper.Address) (map[mapper.Address]int64, error) {
	rows, err := a.pool.Query(ctx, `select address, version from rollcall_state.dirty
		where source = $1 and association = $2 and address = any($3)`, a.source, a.id, addressStrings(addresses))
	if err != nil {
		return nil, fmt.Errorf("read versions of dirty addresses: %w", err)
	}
	versions := make(map[mapper.Address]int64, len(addresses))
	var address mapper.Address
	var version int64
	if _, err := pgx.ForEachRow(rows, []any{&address, &version}, func() error { versions[address] = version; return nil }); err != nil {
		return nil, fmt.Errorf("read versions of dirty addresses: %w", err)
	}
	return versions, nil
}

// Queued counts the association's dirty addresses.
func (a *Association) Queued(ctx context.Context) (int, error) {
	var n int
	err := a.pool.QueryRow(ctx, "select count(*) from rollcall_state.dirty where source = $1 and association = $2", a.source, a.id).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count dirty addresses: %w", err)
	}
	return n, nil
}

// Facts are what a plan learned of addresses besides its operations.
type Facts struct {
	// OptedOut is what the plan saw of each rep with each address.
	OptedOut []RepOptOut
	// Gone are reps who had opted out and are gone. While the rows are not to be
	// believed that is not recorded.
	Gone   []RepAt
	Memory []mapper.OptOutMemory
	// Winners are reps whose fields count from now on, with their fingerprint.
	Winners map[mapper.Address]mapper.Fields
	// Withdrawn are questions that are no longer asked, Held those to ask.
	Withdrawn []mapper.PairOp
	Held      []mapper.Held
	// States are lists whose state the plan changes.
	States map[mapper.ListKey]mapper.ListState
	Counts []RunCount
	// Cuts are people whose fields were looked at, with those that are too long.
	Cuts map[mapper.Address]mapper.CutFields
	// Carrying are the new addresses of e-mail changes that want lists still.
	Carrying []string
}

// RunCount is what a run found, by reason.
type RunCount struct {
	Run    int64
	What   string // checked, held or refused
	Reason mapper.Reason
	N      int
}

// RepOptOut is whether a rep was seen opted out while it had an address.
type RepOptOut struct {
	Rep      mapper.RepID
	Address  mapper.Address
	OptedOut bool
}

// RepAt is a rep with an address that it has or had.
type RepAt struct {
	Rep     mapper.RepID
	Address mapper.Address
}

// Learn records facts and takes done, for which there is nothing to do, off
// the queue.
func (a *Association) Learn(ctx context.Context, f Facts, done []sink.Done) error {
	return a.begin(ctx, "record plan", func(tx pgx.Tx) error {
		var batch pgx.Batch
		for _, o := range f.OptedOut {
			batch.Queue(`insert into rollcall_state.rep_seen (source, association, rep, address, opted_out) values ($1, $2, $3, $4, $5)
				on conflict (source, association, rep, address) do update set opted_out = excluded.opted_out, gone = false
				where rep_seen.opted_out is distinct from excluded.opted_out or rep_seen.gone`,
				a.source, a.id, string(o.Rep), string(o.Address), o.OptedOut)
		}
		for _, g := range f.Gone {
			batch.Queue(`update rollcall_state.rep_seen set gone = true
				where source = $1 and association = $2 and rep = $3 and address = $4 and opted_out
				  and not exists (select from rollcall_state.alarm where source = $1 and association = $2)`,
				a.source, a.id, string(g.Rep), string(g.Address))
		}
		for _, m := range f.Memory {
			if m.OptOut {
				batch.Queue(`insert into rollcall_state.opt_out values ($1, $2, $3, $4) on conflict do nothing`, a.source, a.id, string(m.Address), a.now())
				continue
			}
			batch.Queue(`delete from rollcall_state.opt_out where source = $1 and association = $2 and address = $3`, a.source, a.id, string(m.Address))
			batch.Queue(`insert into rollcall_state.opt_in values ($1, $2, $3, $4)
				on conflict (source, association, address) do update set lifted_at = excluded.lifted_at`, a.source, a.id, string(m.Address), a.now())
		}
		if len(f.Withdrawn) > 0 {
			var lists, addresses, ops []string
			for _, w := range f.Withdrawn {
				lists, addresses, ops = append(lists, string(w.List)), append(addresses, string(w.Address)), append(ops, opOf(w.Kind))
			}
			batch.Queue(sql.Query("holds_withdraw_pairs"), a.source, a.id, lists, addresses, ops)
		}
		for key, state := range f.States {
			batch.Queue(`update rollcall_state.list set state = $4 where source = $1 and association = $2 and key = $3`, a.source, a.id, string(key), string(state))
		}
		for _, c := range f.Counts {
			batch.Queue(`insert into rollcall_state.run_count (run, what, reason, n) values ($1, $2, $3, $4)
				on conflict (run, what, reason) do update set n = run_count.n + excluded.n`, c.Run, c.What, string(c.Reason), c.N)
		}
		if len(f.Winners) > 0 {
			var addresses, reps, fields []string
			for address, w := range f.Winners {
				addresses, reps, fields = append(addresses, string(address)), append(reps, string(w.Rep)), append(fields, w.Fingerprint())
			}
			batch.Queue(sql.Query("deliver_winners"), a.source, a.id, addresses, reps, fields)
		}
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		if err := a.noteFields(ctx, tx, f.Cuts); err != nil {
			return err
		}
		for _, q := range questions(f.Held) {
			if err := a.ask(ctx, tx, q); err != nil {
				return err
			}
		}
		if len(f.Carrying) > 0 {
			if err := a.carried(ctx, tx, 0, f.Carrying...); err != nil {
				return err
			}
		}
		return a.takeOff(ctx, tx, done)
	})
}

// questions groups held operations: removals above a threshold by list, all
// others by kind.
func questions(held []mapper.Held) []Question {
	var all []Question
	at := map[string]int{}
	for _, h := range held {
		q := Question{Kind: h.Kind}
		if h.Kind == mapper.HoldRemovals {
			q.List = h.Op.List
		}
		key := fmt.Sprint(q.Kind, q.List)
		i, known := at[key]
		if !known {
			i = len(all)
			at[key] = i
			all = append(all, q)
		}
		all[i].Pairs = append(all[i].Pairs, AskedPair{Address: h.Op.Address, List: h.Op.List, Op: h.Op.Kind, Reason: h.Reason(), Rep: h.Op.Rep})
	}
	return all
}

// takeOff deletes queue rows at the versions that were read: a row that was
// touched since stays.
func (a *Association) takeOff(ctx context.Context, tx pgx.Tx, done []sink.Done) error {
	addresses, versions := addressesAndVersions(done)
	_, err := tx.Exec(ctx, sql.Query("deliver_take_off"), a.source, a.id, addresses, versions)
	return err
}

func addressesAndVersions(rows []sink.Done) (addresses []string, versions []int64) {
	addresses, versions = make([]string, len(rows)), make([]int64, len(rows))
	for i, row := range rows {
		addresses[i], versions[i] = string(row.Address), row.Version
	}
	return addresses, versions
}

// Wait keeps queue rows until the time, at the versions that were read: a row that
// was touched since is due.
func (a *Association) Wait(ctx context.Context, rows []sink.Done, until time.Time) error {
	if len(rows) == 0 {
		return nil
	}
	addresses, versions := addressesAndVersions(rows)
	_, err := a.write(ctx, "put off dirty addresses", `update rollcall_state.dirty d set not_before = $5
		from unnest($3::text[], $4::bigint[]) x (address, version)
		where d.source = $1 and d.association = $2 and d.address = x.address and d.version = x.version`, a.source, a.id, addresses, versions, until)
	return err
}

// WaitNoLonger makes addresses of the queue due.
func (a *Association) WaitNoLonger(ctx context.Context, addresses []mapper.Address) error {
	_, err := a.write(ctx, "make dirty addresses due", `update rollcall_state.dirty set not_before = null
		where source = $1 and association = $2 and address = any($3)`, a.source, a.id, addressStrings(addresses))
	return err
}

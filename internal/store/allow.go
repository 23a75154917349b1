package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// Allowance is an operator's decision that somebody may be mailed again.
type Allowance struct {
	Address mapper.Address
	// List is the one about which it is: its departure is lifted. Empty: of every list,
	// and what an account before this one showed of the person counts no more either.
	List mapper.ListKey
	// Reps hold the address now, and are kept back by what a previous address
	// shows: that no longer counts, on the list.
	Reps []mapper.RepID
	By   string
	// Readdressed: no contact has the address any more, because somebody gave it
	// another one in Constant Contact. It may get a new contact.
	Readdressed bool
}

// AllowBack records an allowance. It returns the lists whose departure it lifts.
func (a *Association) AllowBack(ctx context.Context, w Allowance) (lifted []mapper.ListKey, err error) {
	key, err := a.hashKey(ctx)
	if err != nil {
		return nil, err
	}
	err = a.begin(ctx, "allow back", func(tx pgx.Tx) error {
		// Also whom a read missed there (mapper.Pair.missed) while the rows did not want them.
		rows, err := tx.Query(ctx, `update rollcall_state.ledger set departed_at = null, told = '', confirmed = false, seen = false
			where source = $1 and association = $2 and address = $3 and (list = $4 or $4 = '')
			  and (departed_at is not null or shown = 'off' and told <> 'remove' and (seen or told = 'add' and confirmed)) returning list`,
			a.source, a.id, string(w.Address), string(w.List))
		if err != nil {
			return err
		}
		if lifted, err = pgx.CollectRows(rows, pgx.RowTo[mapper.ListKey]); err != nil {
			return err
		}
		var batch pgx.Batch
		for _, rep := range w.Reps {
			if w.List != "" {
				batch.Queue(`insert into rollcall_state.previous_allowed_list (source, association, rep, address, list, allowed_at, allowed_by)
					values ($1, $2, $3, $4, $5, $6, $7)
					on conflict (source, association, rep, address, list) do update set allowed_at = excluded.allowed_at, allowed_by = excluded.allowed_by`,
					a.source, a.id, string(rep), string(w.Address), string(w.List), a.now(), w.By)
				continue
			}
			batch.Queue(`insert into rollcall_state.previous_allowed (source, association, rep, address, allowed_at, allowed_by)
				values ($1, $2, $3, $4, $5, $6)
				on conflict (source, association, rep, address) do update set allowed_at = excluded.allowed_at, allowed_by = excluded.allowed_by`,
				a.source, a.id, string(rep), string(w.Address), a.now(), w.By)
		}
		if w.Readdressed {
			batch.Queue(`update rollcall_state.contact set contact_id = '', state = 'absent'
				where source = $1 and association = $2 and address = $3`, a.source, a.id, string(w.Address))
			batch.Queue(sql.Query("reconcile_readdressed"), a.source, a.id, string(w.Address))
		}
		if w.List == "" {
			batch.Queue("delete from rollcall_state.old_account where source = $1 and association = $2 and address = $3", a.source, a.id, string(w.Address))
		}
		batch.Queue(`delete from rollcall_state.erased where source = $1 and association = $2 and hash = $3 and list <> '' and (list = $4 or $4 = '')`,
			a.source, a.id, a.hash(key, w.Address), string(w.List))
		return tx.SendBatch(ctx, &batch).Close()
	})
	return lifted, err
}

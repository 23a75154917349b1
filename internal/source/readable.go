package source

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"rollcall/mapper"
	"rollcall/sql"
)

// mostFailures is how often reps may fail to be read, by ever fewer, before the view
// counts as failing.
const mostFailures = 200

// mostMarked is of how many reps all may be marked before the view counts as failing.
// Of few it cannot be told from a bad value that they share, and nothing is done about
// them either way.
const mostMarked = 5

// readable reads reps with their memberships. Whatever fails at a row is read again
// by halves, until the rep is found at whose row the view fails. It comes back marked,
// so that nobody else waits for it. A view that fails at each of many reps fails.
func (sn *Snap) readable(ctx context.Context, association string, ids []string) ([]*mapper.Rep, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var reps []*mapper.Rep
	failures, marked := 0, 0
	for parts := [][]string{ids}; len(parts) > 0; {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		found, err := sn.reps(ctx, association, part)
		if failure, ok := errors.AsType[*ViewError](err); ok && failure.AtRow() && failures < mostFailures {
			failures++
			if half := len(part) / 2; half > 0 {
				parts = append(parts, part[half:], part[:half])
				continue
			}
			whole := err
			if found, err = sn.failing(ctx, association, part[0]); err == nil {
				marked += len(found)
			}
			if marked > mostMarked && marked == len(ids) {
				return nil, whole
			}
		}
		if err != nil {
			return nil, err
		}
		reps = append(reps, found...)
	}
	return reps, nil
}

// reps reads reps with their memberships, in one round trip. After a failure at a row
// the snapshot can be read on: the savepoint for that travels with the questions.
func (sn *Snap) reps(ctx context.Context, association string, ids []string) (reps []*mapper.Rep, err error) {
	const view, members = "rollcall.reps", "rollcall.group_members"
	byID := make(map[mapper.RepID]*mapper.Rep, len(ids))
	otherwise := false
	batch := &pgx.Batch{}
	batch.Queue("savepoint reps")
	batch.Queue(sn.src.repsQuery(), association, array(ids)).Query(func(rows pgx.Rows) (err error) {
		reps, err = sn.src.scanReps(rows, len(ids))
		for _, rep := range reps {
			byID[rep.ID] = rep
		}
		return sn.viewError(view, err)
	})
	batch.Queue(sql.Query("source_memberships_by_rep"), association, array(ids)).Query(func(rows pgx.Rows) (err error) {
		otherwise, err = scanMemberships(rows, ids, byID)
		return sn.viewError(members, err)
	})
	batch.Queue("release savepoint reps")
	err = sn.viewError(view, sn.tx.SendBatch(ctx, batch).Close())
	if failure, ok := errors.AsType[*ViewError](err); ok && failure.AtRow() {
		if _, lost := sn.tx.Exec(ctx, "rollback to savepoint reps; release savepoint reps"); lost != nil {
			return nil, sn.viewError(view, lost)
		}
	}
	if err == nil && otherwise {
		err = sn.protected(ctx, func() error { return sn.viewError(members, sn.markOtherwise(ctx, association, ids, byID)) })
	}
	if err != nil {
		return nil, err
	}
	return reps, nil
}

// markOtherwise marks reps whose id is equal to that of a membership and written
// otherwise: nobody can tell what they are in.
func (sn *Snap) markOtherwise(ctx context.Context, association string, ids []string, reps map[mapper.RepID]*mapper.Rep) error {
	rows, err := sn.tx.Query(ctx, sql.Query("source_reps_otherwise"), association, array(ids))
	if err != nil {
		return err
	}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		if rep := reps[mapper.RepID(id)]; rep != nil {
			mark(rep, "otherwise")
		}
		return nil
	})
	return err
}

// failing is a rep at whose row a view fails, with what can be read of it. There is
// none where no row has the id, which may be a text that no id can be.
func (sn *Snap) failing(ctx context.Context, association, id string) (found []*mapper.Rep, err error) {
	rep := &mapper.Rep{ID: mapper.RepID(id), Unreadable: mapper.UnreadableValue, Groups: map[mapper.GroupID]bool{}}
	err = sn.RefsByRep(ctx, []string{id}, func(r RepRef) error {
		if r.Association == association {
			rep.Email, rep.OptedOut = r.Email, r.OptedOut
			found = []*mapper.Rep{rep}
		}
		return nil
	})
	if _, ok := errors.AsType[*ViewError](err); ok {
		return []*mapper.Rep{rep}, nil // the address is not known either; it may have been seen with one
	}
	return found, err
}

package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/store"
)

// tablesEvery is how often the published tables are looked at.
const tablesEvery = time.Minute

// problem is a table with what is wrong with it: the SQLSTATE of the application's
// error, or empty for one that is not published.
type problem struct{ table, sqlState string }

// watchTables looks every minute whether the publication has come to break the
// member application, or to miss a watched table, and where triggers capture
// changes whether one is missing: somebody may change a table long after these
// were made. Once that is mended everything is looked at, and so it is when rows may
// have come or gone with a partition.
func (a *App) watchTables(ctx context.Context, state *store.Store) error {
	timer := time.NewTicker(tablesEvery)
	defer timer.Stop()
	told := map[problem]bool{}
	var parts map[string]bool
	due := false // to look at everything
	look := a.lookAtTables
	if byTriggers(a.cfg) {
		look = a.lookAtTriggers
	}
	for {
		again, err := look(ctx, told)
		due = due || again
		if err == nil {
			var now map[string]bool
			var moved bool
			if now, moved, err = a.lookAtParts(ctx, parts); err == nil {
				parts, due = now, due || moved
			}
		}
		if err == nil && due {
			err = a.touchAll(ctx, state)
			due = err != nil
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("watched tables cannot be looked at: trying again", "again_in", tablesEvery.String(), "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// lookAtTables tells of what is wrong now and was not before. again says that
// changes of some table are noticed again that were not.
func (a *App) lookAtTables(ctx context.Context, told map[problem]bool) (again bool, err error) {
	publication := a.cfg.Source.Publication
	refusing, err := a.source.Refusing(ctx, publication)
	if err != nil {
		return false, err
	}
	a.watched.process.Refusing(len(refusing))
	lacks, err := a.source.Unpublished(ctx, publication, a.watchedTables())
	if err != nil {
		return false, err
	}
	a.watched.process.Uncaptured(len(lacks))
	still := map[problem]bool{}
	for _, r := range refusing {
		p := problem{r.Part, r.SQLState}
		if still[p] = true; !told[p] {
			a.log.Error("the member application's UPDATE and DELETE fail on a published table, because its replica identity was changed: "+
				"run the statement now, which ends that and stops noticing the table's changes; then mend the identity and run sql/contract/04_publication.sql again",
				"table", r.Part, "sqlstate", r.SQLState,
				"statement", fmt.Sprintf("alter publication %s drop table only %s", pgx.Identifier{publication}.Sanitize(), r.Table))
		}
	}
	for _, table := range lacks {
		p := problem{table: table}
		if still[p] = true; !told[p] {
			a.log.Warn("a watched table is not in the publication, or not with all of its changes, so those are not noticed; run sql/contract/04_publication.sql again", "table", table)
		}
	}
	return a.mended(told, still), nil
}

// lookAtTriggers tells of triggers that are not as they should be, and were before.
// See lookAtTables for again.
func (a *App) lookAtTriggers(ctx context.Context, told map[problem]bool) (again bool, err error) {
	wrong, err := a.source.Uncaptured(ctx)
	if err != nil {
		return false, err
	}
	a.watched.process.Uncaptured(len(wrong))
	still := map[problem]bool{}
	for _, table := range wrong {
		p := problem{table: table}
		if still[p] = true; !told[p] {
			a.log.Error("a watched table, or a partition of one, has not all its triggers, so changes of it are not noticed; "+
				"have the owner of the tables run the statement", "table", table, "statement", "select rollcall.make_triggers()")
		}
	}
	return a.mended(told, still), nil
}

// lookAtParts reads the partitions of the watched tables, and says whether rows may
// have come or gone with one since before, which is nil at the first look.
func (a *App) lookAtParts(ctx context.Context, before map[string]bool) (now map[string]bool, moved bool, err error) {
	now, err = a.source.Parts(ctx, a.watchedTables())
	if err != nil || before == nil {
		return now, false, err
	}
	moved = hasNew(before, now) || hasNew(now, before)
	if moved {
		a.log.Info("a partition of a watched table came, went or was written anew: looking at everything")
	}
	return now, moved, nil
}

// hasNew says whether one of the parts has rows and is not known.
func hasNew(known, parts map[string]bool) bool {
	for part, empty := range parts {
		if _, there := known[part]; !there && !empty {
			return true
		}
	}
	return false
}

// watchedTables are the tables that are watched, each once.
func (a *App) watchedTables() []string {
	var tables []string
	for _, w := range *a.watches.Load() {
		tables = append(tables, w.Table)
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// mended tells of what is in order again, and keeps what is not. See lookAtTables for
// again.
func (a *App) mended(told, still map[problem]bool) (again bool) {
	for p := range told {
		if !still[p] {
			again = again || p.sqlState == ""
			a.log.Info("a watched table is in order again", "table", p.table)
		}
	}
	clear(told)
	maps.Copy(told, still)
	return again
}

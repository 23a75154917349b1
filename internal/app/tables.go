package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// tablesEvery is how often the published tables are looked at.
const tablesEvery = time.Minute

// problem is a table with what is wrong with it: the SQLSTATE of the application's
// error, or empty for one that is not published.
type problem struct{ table, sqlState string }

// watchTables looks every minute whether the publication has come to break the
// member application, or to miss a watched table, and where triggers capture
// changes whether one is missing: somebody may change a table long after these
// were made.
func (a *App) watchTables(ctx context.Context) error {
	timer := time.NewTicker(tablesEvery)
	defer timer.Stop()
	told := map[problem]bool{}
	look := a.lookAtTables
	if byTriggers(a.cfg) {
		look = a.lookAtTriggers
	}
	for {
		if err := look(ctx, told); err != nil && ctx.Err() == nil {
			a.log.Warn("watched tables cannot be looked at: trying again", "again_in", tablesEvery.String(), "err", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// lookAtTables tells of what is wrong now and was not before.
func (a *App) lookAtTables(ctx context.Context, told map[problem]bool) error {
	publication := a.cfg.Source.Publication
	refusing, err := a.source.Refusing(ctx, publication)
	if err != nil {
		return err
	}
	a.watched.process.Refusing(len(refusing))
	var watches []string
	for _, w := range *a.watches.Load() {
		watches = append(watches, w.Table)
	}
	slices.Sort(watches)
	lacks, err := a.source.Unpublished(ctx, publication, slices.Compact(watches))
	if err != nil {
		return err
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
			a.log.Warn("a watched table is not in the publication, so its changes are not noticed; run sql/contract/04_publication.sql again", "table", table)
		}
	}
	a.mended(told, still)
	return nil
}

// lookAtTriggers tells of triggers that are not as they should be, and were before.
func (a *App) lookAtTriggers(ctx context.Context, told map[problem]bool) error {
	wrong, err := a.source.Uncaptured(ctx)
	if err != nil {
		return err
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
	a.mended(told, still)
	return nil
}

// mended tells of what is in order again, and keeps what is not.
func (a *App) mended(told, still map[problem]bool) {
	for p := range told {
		if !still[p] {
			a.log.Info("a watched table is in order again", "table", p.table)
		}
	}
	clear(told)
	maps.Copy(told, still)
}

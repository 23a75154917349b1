package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rollcall/internal/pause"
	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// exportCalls is how many calls an export takes besides one for each 500 lists of
// the account: the request, the file, and up to four looks whether it is done.
const exportCalls = 6

// Looks at an export's activity, and how long it is waited for.
const (
	exportFirst = time.Second
	exportMost  = 30 * time.Second
	exportTakes = 10 * time.Minute
)

// errNoExport says that the account gives no export that can be used. Pages tell
// the same.
var errNoExport = errors.New("no usable export")

// columns are what an export is asked for.
var columns = []constantcontact.Column{
	constantcontact.ColumnAddress, constantcontact.ColumnContactID, constantcontact.ColumnPermission, constantcontact.ColumnLists,
}

// PullCalls is about how many calls it takes to read a whole account.
func (a *Applier) PullCalls(contacts int) int {
	pages := max(1, ceilDiv(contacts, constantcontact.PageSize))
	if a.noExport {
		return pages
	}
	return min(pages, exportCalls)
}

// exportPays reports whether an export takes fewer calls than the pages.
func (a *Applier) exportPays(contacts int) bool {
	return a.PullCalls(contacts) < ceilDiv(contacts, constantcontact.PageSize)
}

// export reads the whole account by an export. What a row says is taken for true
// as far as it can be understood; whoever is not handed on may be there all the
// same, or not: the vendor documents neither whom a file has nor its words. So
// only people who are on a list are handed on, which no deleted contact is, and
// those who unsubscribed. take gets an empty page each time when the export is
// waited for.
func (a *Applier) export(ctx context.Context, take func(Page) error) error {
	account, err := a.AccountLists(ctx)
	if err != nil {
		return err
	}
	ids := account.idsByName()
	at := a.Now()
	activity, err := a.API.StartExport(ctx, constantcontact.ExportQuery{Columns: append(slices.Clone(columns), constantcontact.ColumnOptOutAt)})
	if err != nil {
		return noExport(err)
	}
	for delay := exportFirst; !activity.Ended(); delay = min(2*delay, exportMost) {
		if a.Now().Sub(at) > exportTakes {
			return fmt.Errorf("%w: it takes more than %s", errNoExport, exportTakes)
		}
		if err := a.pause(ctx, delay); err != nil {
			return err
		}
		if err := take(Page{}); err != nil {
			return err
		}
		if activity, err = a.API.Activity(ctx, activity.ID); err != nil {
			return noExport(err)
		}
	}
	if activity.State != constantcontact.StateCompleted {
		return fmt.Errorf("%w: its activity is %s", errNoExport, activity.State)
	}
	known := make(map[string]bool, len(ids))
	for name := range ids {
		known[name] = true
	}
	var taken error
	err = a.API.Export(ctx, activity, columns, func(rows []constantcontact.ExportRow) error {
		page := Page{People: make(map[mapper.Address]Shown, len(rows)), Export: true}
		for _, row := range rows {
			if s, sure := shownInRow(row, ids, known, at); sure {
				page.People[addressOf(constantcontact.Contact{Address: row.Address()})] = s
			}
		}
		taken = take(page)
		return taken
	})
	if taken != nil {
		return taken
	}
	return noExport(err)
}

// shownInRow is what a row says of a contact; sure is false when nothing can be
// made of it.
func shownInRow(row constantcontact.ExportRow, ids map[string]string, known map[string]bool, at time.Time) (s Shown, sure bool) {
	names, sure := row.Lists(known)
	s = Shown{State: mapper.ContactState(row.State()), ID: row.Text(constantcontact.ColumnContactID), Lists: make(map[string]bool, len(names)), ReadAt: at}
	for _, name := range names {
		s.Lists[ids[name]] = true
	}
	if s.ID == "" || row.Address() == "" || !sure {
		return s, false
	}
	return s, s.State == mapper.ContactUnsubscribed || s.State == mapper.ContactActive && len(names) > 0
}

// noExport tells errors of an export that pages do not have from all others.
func noExport(err error) error {
	if err == nil {
		return nil
	}
	switch constantcontact.Classify(err) {
	case constantcontact.Retry, constantcontact.Throttle, constantcontact.Quota, constantcontact.Reconnect:
		return err // pages would fare no better
	}
	return fmt.Errorf("%w: %w", errNoExport, err)
}

// idsByName are the lists by the name that an export has for them. Names that two
// lists have say nothing.
func (c Account) idsByName() map[string]string {
	ids := map[string]string{}
	var twice []string
	for id, l := range c {
		name := strings.TrimSpace(l.Name)
		if _, known := ids[name]; known {
			twice = append(twice, name)
		}
		if !l.Deleted {
			ids[name] = id
		}
	}
	for _, name := range slices.Compact(twice) {
		delete(ids, name)
	}
	return ids
}

// pause waits.
func (a *Applier) pause(ctx context.Context, d time.Duration) error {
	if a.Pause != nil {
		return a.Pause(ctx, d)
	}
	return pause.For(ctx, d)
}

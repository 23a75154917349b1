package constantcontact

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Column is a column of an export by its name in the request.
type Column string

// The columns that Rollcall reads. Every column of the address but the address
// itself needs ColumnAddress in the request.
const (
	ColumnContactID  Column = "contact_id"
	ColumnAddress    Column = "email_address"
	ColumnPermission Column = "email_permission"
	ColumnOptOutAt   Column = "email_optout_date"
	ColumnLists      Column = "email_lists" // names
	ColumnFirstName  Column = "first_name"
	ColumnLastName   Column = "last_name"
	ColumnCompany    Column = "company_name"
	ColumnJobTitle   Column = "job_title"
	ColumnCreatedAt  Column = "created_at"
	ColumnUpdatedAt  Column = "updated_at"

	columnStatus Column = "email_status" // no request can name it
)

// headers are the names that a column has in a file, with anything but letters
// and digits as an underscore. Which of them an export of the API has is not
// documented; those of the vendor's own pages are labels.
var headers = map[string]Column{
	"contact_id":              ColumnContactID,
	"email_address":           ColumnAddress,
	"email_status":            columnStatus,
	"email_permission":        ColumnPermission,
	"email_permission_status": ColumnPermission,
	"email_optout_date":       ColumnOptOutAt,
	"confirmed_opt_out_date":  ColumnOptOutAt,
	"email_lists":             ColumnLists,
	"first_name":              ColumnFirstName,
	"last_name":               ColumnLastName,
	"company":                 ColumnCompany,
	"company_name":            ColumnCompany,
	"job_title":               ColumnJobTitle,
	"created_at":              ColumnCreatedAt,
	"updated_at":              ColumnUpdatedAt,
}

// ExportQuery selects contacts for an export. The zero value selects all with all
// columns.
type ExportQuery struct {
	Status     string   // active, unsubscribed or removed; empty: all
	ListIDs    []string // on any of these, at most MaxExportLists; not together with ContactIDs
	ContactIDs []string // at most MaxExportIDs
	Columns    []Column // empty: all
}

// StartExport asks for a file of contacts. When the activity has completed, Export
// reads it.
//
// API docs: /v3/activities/contact_exports POST
func (c *Client) StartExport(ctx context.Context, q ExportQuery) (Activity, error) {
	err := within(opStartExport.words(), -1,
		limit{"lists", len(q.ListIDs), 0, MaxExportLists},
		limit{"contact ids", len(q.ContactIDs), 0, MaxExportIDs})
	if err != nil {
		return Activity{}, err
	}
	body := encode(struct {
		ListIDs    []string `json:"list_ids,omitempty"`
		ContactIDs []string `json:"contact_ids,omitempty"`
		Status     string   `json:"status,omitempty"`
		Fields     []Column `json:"fields,omitempty"`
	}{q.ListIDs, q.ContactIDs, q.Status, q.Columns})
	return c.sendActivity(ctx, request{op: opStartExport, target: c.at(opStartExport, "", nil), body: body})
}

// ColumnError says that an export lacks a column that is needed.
type ColumnError struct{ Column Column }

// Error names the column.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("read export: it has no column %s", e.Column)
}

const (
	// exportTimeout bounds the reading of a file, which may have a million rows.
	exportTimeout = 15 * time.Minute
	// maxExportBytes is far above a file of a million contacts.
	maxExportBytes = 2 << 30
	// exportBatch is how many rows are handed on at once.
	exportBatch = 500
)

// Export hands the rows of a completed export to take, in the order of the file.
// Columns are found by their headers, those not known are passed over; without a
// needed one the error is a ColumnError and no row is handed on.
//
// A file that ends early, or that has fewer rows than the activity counted, is
// ErrIncomplete or a TransportError after some rows were handed on: what did come
// is true of the time of the export, and nothing follows from what did not. A file
// that is not there (yet) is an APIError of class Missing or Reject. take may
// return ErrStop.
//
// API docs: /v3/contact_exports/{file_export_id} GET
func (c *Client) Export(ctx context.Context, a Activity, need []Column, take func([]ExportRow) error) error {
	if err := needID(opExport, a.ResultID); err != nil {
		return err
	}
	f := &exportFile{need: need, take: take}
	r := request{
		op: opExport, target: c.at(opExport, a.ResultID, nil), stream: f.read, begun: func() bool { return f.begun },
		timeout: exportTimeout, most: maxExportBytes, accept: "text/csv",
	}
	err := c.call(ctx, r)
	switch total, told := a.counters["items_total_count"]; {
	case errors.Is(err, ErrStop):
		return nil
	case err == nil && told && f.rows < total:
		return &BodyError{Endpoint: opExport, Status: http.StatusOK, Err: fmt.Errorf("%w: it has %d of %d rows", ErrIncomplete, f.rows, total)}
	}
	return err
}

// exportFile reads one file.
type exportFile struct {
	need  []Column
	take  func([]ExportRow) error
	rows  int // handed on
	begun bool
}

// takeError is an error of the function that takes rows, not of the file.
type takeError struct{ error }

func (e takeError) Unwrap() error { return e.error }

func (f *exportFile) read(body io.Reader) error {
	whole := &lastByte{from: body}
	r := csv.NewReader(withoutMark(whole))
	header, err := r.Read()
	if err == io.EOF {
		return fmt.Errorf("%w: it has no header", ErrIncomplete)
	}
	if err != nil {
		return unreadable(err)
	}
	columns, err := findColumns(header, f.need)
	if err != nil {
		return err
	}
	batch := make([]ExportRow, 0, exportBatch)
	for {
		record, err := r.Read()
		if err != nil && err != io.EOF {
			return unreadable(err)
		}
		if record != nil {
			batch = append(batch, ExportRow{columns, record})
		}
		if len(batch) == exportBatch || err == io.EOF && len(batch) > 0 {
			f.begun = true
			if err := f.take(batch); err != nil {
				return takeError{err}
			}
			f.rows += len(batch)
			batch = make([]ExportRow, 0, exportBatch)
		}
		if err == io.EOF {
			break
		}
	}
	if whole.last != '\n' {
		return fmt.Errorf("%w: its last line has no end", ErrIncomplete)
	}
	return nil
}

// withoutMark passes over the byte order mark that a file for spreadsheets may begin
// with: a quote behind it would be none.
func withoutMark(from io.Reader) io.Reader {
	r := bufio.NewReader(from)
	if begin, _ := r.Peek(len(mark)); string(begin) == mark {
		_, _ = r.Discard(len(mark))
	}
	return r
}

const mark = "\uFEFF"

// unreadable says where a file is no CSV, without its content. The same file would be
// none the next time.
func unreadable(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return fmt.Errorf("%w: not CSV at line %d: %w", ErrIncomplete, parse.Line, parse.Err)
	}
	return err
}

// lastByte remembers the last byte that was read: a file cut within its last
// field looks whole to a reader of CSV.
type lastByte struct {
	from io.Reader
	last byte
}

// Read reads on.
func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if n > 0 {
		l.last = p[n-1]
	}
	return n, err
}

func findColumns(header []string, need []Column) (map[Column]int, error) {
	found := map[Column]int{}
	for i, text := range header {
		column, known := headers[headerName(text)]
		if _, twice := found[column]; known && !twice {
			found[column] = i
		}
	}
	for _, column := range need {
		if _, has := found[column]; !has {
			return nil, &ColumnError{column}
		}
	}
	return found, nil
}

// headerName is a header in lower case with one underscore for everything between
// letters and digits.
func headerName(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return strings.Join(words, "_")
}

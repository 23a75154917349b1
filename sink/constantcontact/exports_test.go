package constantcontact_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

var needed = []constantcontact.Column{
	constantcontact.ColumnContactID, constantcontact.ColumnAddress, constantcontact.ColumnPermission, constantcontact.ColumnOptOutAt,
	constantcontact.ColumnLists, constantcontact.ColumnFirstName, constantcontact.ColumnCompany, constantcontact.ColumnUpdatedAt,
}

// export reads a whole export.
func (o *office) export(q constantcontact.ExportQuery) ([]constantcontact.ExportRow, error) {
	o.t.Helper()
	a := o.ended(o.cc.StartExport(o.t.Context(), q))
	var all []constantcontact.ExportRow
	err := o.cc.Export(o.t.Context(), a, needed, func(rows []constantcontact.ExportRow) error {
		all = append(all, rows...)
		return nil
	})
	return all, err
}

// Columns are found whatever their headers and their number.
func TestExport(t *testing.T) {
	for _, switches := range []ccsim.Switches{{}, {ExportHeadersAreFields: true}, {UnsubscribedKeepLists: true}} {
		for _, columns := range [][]constantcontact.Column{nil, needed} {
			o := newOffice(t, switches)
			o.list("Members")
			o.list("Smith, Jones")
			o.must(o.sim.CreateField(account, "Email address of spouse"))
			for i := range 1203 {
				o.must(o.sim.AddContact(account, fmt.Sprintf("p%04d@example.org", i), "Members", "Smith, Jones"))
			}
			o.must(o.sim.EditFields(account, "p0000@example.org", map[string]any{"first_name": "Ann \"A\", the\nfirst", "company_name": "Acme"}))
			o.must(o.sim.Unsubscribe(account, "p0001@example.org"))
			o.must(o.sim.DeleteContact(account, "p0002@example.org"))
			rows, err := o.export(constantcontact.ExportQuery{Columns: columns})
			o.must(err)
			if len(rows) != 1203 {
				t.Fatalf("%d rows", len(rows))
			}
			first, out := rows[0], rows[1]
			if first.Address() != "p0000@example.org" || first.State() != constantcontact.StateActive ||
				first.Text(constantcontact.ColumnFirstName) != "Ann \"A\", the\nfirst" || first.Text(constantcontact.ColumnCompany) != "Acme" ||
				first.Text(constantcontact.ColumnContactID) != o.shown("p0000@example.org")["contact_id"] || first.Time(constantcontact.ColumnUpdatedAt).IsZero() {
				t.Errorf("first row %q", first.Text(constantcontact.ColumnFirstName))
			}
			if out.State() != constantcontact.StateUnsubscribed || out.Time(constantcontact.ColumnOptOutAt).IsZero() || !first.Time(constantcontact.ColumnOptOutAt).IsZero() {
				t.Errorf("unsubscribed row: %s", out.State())
			}
			names, sure := first.Lists(map[string]bool{"Members": true, "Smith, Jones": true})
			if !sure || !slices.Equal(names, []string{"Members", "Smith, Jones"}) {
				t.Errorf("lists %q, sure %v", names, sure)
			}
			if active, err := o.export(constantcontact.ExportQuery{Columns: columns, Status: "active"}); err != nil || len(active) != 1201 {
				t.Errorf("%d active: %v", len(active), err)
			}
		}
	}
}

func TestListsOfAnExport(t *testing.T) {
	for _, test := range []struct {
		known string // apart by strokes
		text  string
		want  string
		sure  bool
	}{
		{"A|B", "", "", true},
		{"A|B", "A", "A", true},
		{"A|B", "A,B", "A|B", true},
		{"A|B", "A, B", "A|B", true},
		{"A|B, C", "A,B, C", "A|B, C", true},
		{"A|B|A,B", "A,B", "", false},
		{"A|B", "A,C", "", false},
		{"A,B|B,C|A|C", "A,B,C", "", false},
		{"A,B|B,C|C", "A,B,C", "A,B|C", true},
	} {
		known := map[string]bool{}
		for name := range strings.SplitSeq(test.known, "|") {
			known[name] = true
		}
		a, cc := served(t, "email_address,email_lists\na@example.org,\""+test.text+"\"\n", 1)
		var names []string
		var sure bool
		err := cc.Export(t.Context(), a, nil, func(rows []constantcontact.ExportRow) error {
			names, sure = rows[0].Lists(known)
			return nil
		})
		if got := strings.Join(names, "|"); err != nil || got != test.want || sure != test.sure {
			t.Errorf("%q of %q: %q, sure %v: %v", test.text, test.known, got, sure, err)
		}
	}
}

// served is a completed export of so many rows whose file is a text.
func served(t *testing.T, file string, rows int) (constantcontact.Activity, *constantcontact.Client) {
	t.Helper()
	answer := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v3/contact_exports/") {
			_, _ = fmt.Fprint(w, file)
			return
		}
		_, _ = fmt.Fprintf(w, `{"activity_id":"a1","state":"completed","status":{"items_total_count":%d},"_links":{"results":{"href":"/v3/contact_exports/e1"}}}`, rows)
	}
	cc, err := constantcontact.New(constantcontact.Config{
		HTTP:      &http.Client{Transport: wire{http.HandlerFunc(answer)}},
		Token:     func(context.Context) (string, error) { return "token", nil },
		Wait:      func(context.Context) error { return nil },
		UserAgent: "rollcall-test/1",
		Now:       func() time.Time { return start },
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := cc.Activity(t.Context(), "a1")
	if err != nil || a.ResultID != "e1" {
		t.Fatalf("activity %+v: %v", a, err)
	}
	return a, cc
}

// A file that is not whole is never taken for one that is.
func TestExportThatIsNotWhole(t *testing.T) {
	const whole = "Email address,Contact ID\na@example.org,1\nb@example.org,2\n"
	for name, test := range map[string]struct {
		file string
		rows int // as the activity counts
		want error
	}{
		"whole":                  {whole, 2, nil},
		"with a byte order mark": {"\ufeff" + whole, 2, nil},
		"a row less":             {whole, 3, constantcontact.ErrIncomplete},
		"cut between rows":       {whole[:strings.LastIndex(whole, "b@")], 2, constantcontact.ErrIncomplete},
		"cut in the last field":  {strings.TrimSuffix(whole, "2\n") + "2", 2, constantcontact.ErrIncomplete},
		"cut before a field":     {strings.TrimSuffix(whole, ",2\n"), 2, nil}, // not CSV
		"cut in a quote":         {strings.TrimSuffix(whole, "2\n") + "\"2", 2, nil},
		"nothing":                {"", 0, constantcontact.ErrIncomplete},
		"a page":                 {"<html>\n", 0, nil},
		"nobody":                 {"Email address,Contact ID\n", 0, nil},
	} {
		a, cc := served(t, test.file, test.rows)
		var err error
		synctest.Test(t, func(t *testing.T) { // a file that is no CSV may be whole the next time
			err = cc.Export(t.Context(), a, []constantcontact.Column{constantcontact.ColumnContactID}, func([]constantcontact.ExportRow) error { return nil })
		})
		good := name == "whole" || name == "nobody" || name == "with a byte order mark"
		if good != (err == nil) || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "@") || constantcontact.MayHaveApplied(err)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExportWithoutAColumn(t *testing.T) {
	a, cc := served(t, "Email address,Company,Novel\na@example.org,Acme,x\n", 1)
	err := cc.Export(t.Context(), a, []constantcontact.Column{constantcontact.ColumnAddress, constantcontact.ColumnLists}, func([]constantcontact.ExportRow) error {
		t.Error("rows were handed on")
		return nil
	})
	if missing, is := errors.AsType[*constantcontact.ColumnError](err); !is || missing.Column != constantcontact.ColumnLists || constantcontact.Classify(err) != constantcontact.Fatal {
		t.Errorf("error %v", err)
	}
	err = cc.Export(t.Context(), a, []constantcontact.Column{constantcontact.ColumnCompany}, func(rows []constantcontact.ExportRow) error {
		if rows[0].Text(constantcontact.ColumnCompany) != "Acme" || rows[0].Text(constantcontact.ColumnLists) != "" {
			t.Errorf("row has %q", rows[0].Text(constantcontact.ColumnCompany))
		}
		return constantcontact.ErrStop
	})
	if err != nil {
		t.Errorf("stopped: %v", err)
	}
	errTake := errors.New("no room")
	if err := cc.Export(t.Context(), a, nil, func([]constantcontact.ExportRow) error { return errTake }); !errors.Is(err, errTake) {
		t.Errorf("the caller's error: %v", err)
	}
}

func TestExportThatIsNotThere(t *testing.T) {
	for early, want := range map[bool]constantcontact.Class{false: constantcontact.Missing, true: constantcontact.Reject} {
		o := newOffice(t, ccsim.Switches{EarlyExportIs400: early})
		o.sim.Hold(true)
		a, err := o.cc.StartExport(t.Context(), constantcontact.ExportQuery{})
		o.must(err)
		if err := o.cc.Export(t.Context(), a, nil, nil); constantcontact.Classify(err) != want {
			t.Errorf("early: %v", err)
		}
		a.ResultID = ""
		if err := o.cc.Export(t.Context(), a, nil, nil); constantcontact.Classify(err) != constantcontact.Reject {
			t.Errorf("without a name: %v", err)
		}
	}
	o := newOffice(t, ccsim.Switches{})
	for i := range 3 {
		o.contact(fmt.Sprintf("p%d@example.org", i))
	}
	o.must(o.sim.Fault(ccsim.Fault{Method: "POST", Kind: ccsim.FaultActivityErrors}))
	if rows, err := o.export(constantcontact.ExportQuery{}); !errors.Is(err, constantcontact.ErrIncomplete) || len(rows) != 2 {
		t.Errorf("with errors: %d rows: %v", len(rows), err)
	}
	_, err := o.cc.StartExport(t.Context(), constantcontact.ExportQuery{ListIDs: make([]string, 51)})
	if constantcontact.Classify(err) != constantcontact.Reject {
		t.Errorf("too many lists: %v", err)
	}
}

// A connection that breaks before the first row is tried again, later it is not:
// rows would come twice.
func TestExportThatBreaks(t *testing.T) {
	row := "p@example.org,1\n"
	for handed, tries := range map[int]int{0: 2, 500: 1} {
		calls := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/v3/contact_exports/") {
				_, _ = fmt.Fprint(w, `{"activity_id":"a1","state":"completed","_links":{"results":{"href":"/v3/contact_exports/e1"}}}`)
				return
			}
			calls++
			if calls == 2 {
				_, _ = fmt.Fprint(w, "Email address,Contact ID\n", row)
				return
			}
			_, _ = fmt.Fprint(w, "Email address,Contact ID\n", strings.Repeat(row, handed))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}))
		cc, err := constantcontact.New(constantcontact.Config{
			BaseURL: server.URL + "/v3", HTTP: server.Client(),
			Token:     func(context.Context) (string, error) { return "token", nil },
			Wait:      func(context.Context) error { return nil },
			UserAgent: "rollcall-test/1",
			Now:       func() time.Time { return start },
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := cc.Activity(t.Context(), "a1")
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		err = cc.Export(t.Context(), a, nil, func(rows []constantcontact.ExportRow) error { got += len(rows); return nil })
		if calls != tries || (tries == 2) != (err == nil) || err != nil && constantcontact.Classify(err) != constantcontact.Retry || got != max(handed, 1) {
			t.Errorf("%d rows before the break: %d tries, %d rows: %v", handed, calls, got, err)
		}
		server.Close()
	}
}

// A file in another permitted form is read, or is an error that a repetition does not
// help against, so that the account is read by pages.
func TestExportInOtherForms(t *testing.T) {
	need := []constantcontact.Column{constantcontact.ColumnContactID, constantcontact.ColumnAddress, constantcontact.ColumnPermission}
	for name, file := range map[string]string{
		"byte order mark":            "\uFEFFEmail address,Contact ID,Email permission status\na@example.org,1,Implied\n",
		"byte order mark and quotes": "\uFEFF\"Email address\",\"Contact ID\",\"Email permission status\"\n\"a@example.org\",\"1\",\"Implied\"\n",
		"lines end with CR LF":       "Email address,Contact ID,Email permission status\r\na@example.org,1,Implied\r\n",
		"no end of the last line":    "Email address,Contact ID,Email permission status\na@example.org,1,Implied",
		"short row":                  "Email address,Contact ID,Email permission status,Company\na@example.org,1,Implied\n",
		"quote in a field":           "Email address,Contact ID,Email permission status,Company\na@example.org,1,Implied,The \"Anchor\"\n",
		"JSON":                       `{"error_key":"not_ready"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, cc := served(t, file, 1)
				rows := 0
				err := cc.Export(t.Context(), a, need, func(some []constantcontact.ExportRow) error {
					rows += len(some)
					return nil
				})
				if err == nil && rows != 1 || err != nil && constantcontact.Classify(err) == constantcontact.Retry {
					t.Errorf("%d rows, class %s: %v", rows, constantcontact.Classify(err), err)
				}
			})
		})
	}
}

// What an export's permission says of somebody who unsubscribed is not documented: it
// may still be the permission that they had before.
func TestAPermissionInAnExportIsNotTheState(t *testing.T) {
	for name, file := range map[string]string{
		"status":       "Email address,Contact ID,Email status,Email permission status\na@example.org,1,Unsubscribed,Implied\n",
		"opt-out date": "Email address,Contact ID,Email permission status,Confirmed Opt-Out Date\na@example.org,1,Express,2026-01-05\n",
	} {
		a, cc := served(t, file, 1)
		err := cc.Export(t.Context(), a, nil, func(rows []constantcontact.ExportRow) error {
			if state := rows[0].State(); state == constantcontact.StateActive {
				t.Errorf("%s: %s", name, state)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

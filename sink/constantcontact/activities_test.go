package constantcontact

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

func TestImportBody(t *testing.T) {
	var body string
	c := newClient(t, config(inMemory(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body = string(raw)
		reply(w, 201, activity1)
	})))
	rows := []ImportRow{
		{Email: "a@example.org", FirstName: "Zoë", CompanyName: "A & <B>"},
		{Email: "b@example.org", LastName: "Lang", JobTitle: "Chair"},
	}
	a, err := c.ImportContacts(t.Context(), rows, []string{"l1", "l2"})
	if err != nil || a.ID != "a1" || a.Ended() {
		t.Fatalf("got %+v: %v", a, err)
	}
	want := `{"import_data":[{"email":"a@example.org","first_name":"Zoë","company_name":"A & <B>"},` +
		`{"email":"b@example.org","last_name":"Lang","job_title":"Chair"}],"list_ids":["l1","l2"]}`
	if body != want {
		t.Errorf("body is %s\nwant    %s", body, want)
	}
	size := len(`{"import_data":[],"list_ids":["l1","l2"]}`) + EncodedRowSize(rows[0]) + 1 + EncodedRowSize(rows[1])
	if size != len(body) {
		t.Errorf("rows were measured to make %d bytes, the body has %d", size, len(body))
	}
}

func TestLimitsAreKeptLocally(t *testing.T) {
	c := newClient(t, config(inMemory(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })))
	row, one := ImportRow{Email: "a@example.org"}, []string{"x"}
	long := strings.Repeat("é", MaxField+1)
	big := make([]ImportRow, 20_000)
	for i := range big {
		f := strings.Repeat("é", MaxField)
		big[i] = ImportRow{Email: fmt.Sprintf("a%d@example.org", i), FirstName: f, LastName: f}
	}
	imports := func(rows []ImportRow, lists []string) func() error {
		return func() error { _, err := c.ImportContacts(t.Context(), rows, lists); return err }
	}
	for name, tc := range map[string]struct {
		do   func() error
		want string
	}{
		"no rows":       {imports(nil, one), "import contacts: rows is empty"},
		"too many rows": {imports(make([]ImportRow, MaxImportRows+1), one), "import contacts: rows is 40001, over the limit of 40000"},
		"no lists":      {imports([]ImportRow{row}, nil), "import contacts: lists is empty"},
		"too many lists": {
			imports([]ImportRow{row}, make([]string, MaxImportLists+1)), "import contacts: lists is 51, over the limit of 50",
		},
		"too many bytes": {imports(big, one), "import contacts: bytes is "},
		"no address":     {imports([]ImportRow{row, {FirstName: "A"}}, one), "import contacts: row 1: email is empty"},
		"long address": {
			imports([]ImportRow{{Email: strings.Repeat("a", 39) + "@example.org"}}, one), "import contacts: row 0: email is 51, over the limit of 50",
		},
		"long field": {imports([]ImportRow{{Email: "a@example.org", JobTitle: long}}, one), "import contacts: row 0: job_title is 51, over the limit of 50"},
		"no contacts": {
			func() error { _, err := c.AddListMemberships(t.Context(), nil, one); return err }, "add list memberships: contact ids is empty",
		},
		"too many contacts": {
			func() error {
				_, err := c.RemoveListMemberships(t.Context(), make([]string, MaxMembershipIDs+1), one)
				return err
			}, "remove list memberships: contact ids is 501, over the limit of 500",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.do()
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) || Classify(err) != Reject || MayHaveApplied(err) {
				t.Errorf("error is %v, want %s", err, tc.want)
			}
		})
	}
	if err := (ImportRow{Email: "a@example.org", FirstName: strings.Repeat("é", MaxField)}).Check(); err != nil {
		t.Errorf("a field of exactly the limit: %v", err)
	}
}

func activityWith(t *testing.T, json string) Activity {
	t.Helper()
	a, err := answering(t, 200, `{"activity_id":"a1",`+json+`}`).Activity(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestClean(t *testing.T) {
	const good = `"items_total_count":4,"person_count":3,"error_count":0,"correctable_count":0,"cannot_add_to_list_count":0`
	for name, tc := range map[string]struct {
		kind, state, counters string
		want                  bool
	}{
		"import":                     {KindImport, "completed", good, true},
		"import that failed":         {KindImport, "failed", good, false},
		"import in work":             {KindImport, "processing", good, false},
		"import of fewer":            {KindImport, "completed", strings.Replace(good, `"person_count":3`, `"person_count":2`, 1), false},
		"import with an error":       {KindImport, "completed", strings.Replace(good, `"error_count":0`, `"error_count":1`, 1), false},
		"import with a correctable":  {KindImport, "completed", strings.Replace(good, `"correctable_count":0`, `"correctable_count":1`, 1), false},
		"import with unsubscribed":   {KindImport, "completed", strings.Replace(good, `list_count":0`, `list_count":1`, 1), false},
		"import without a counter":   {KindImport, "completed", strings.Replace(good, `,"error_count":0`, ``, 1), false},
		"import with a null counter": {KindImport, "completed", strings.Replace(good, `"error_count":0`, `"error_count":null`, 1), false},
		"import without counters":    {KindImport, "completed", ``, false},
		"addition":                   {KindAdd, "completed", `"items_total_count":3,"items_completed_count":3,"list_count":1`, true},
		"removal":                    {KindRemove, "completed", `"items_total_count":3,"items_completed_count":3,"error_count":0`, true},
		"addition of fewer":          {KindAdd, "completed", `"items_total_count":3,"items_completed_count":2`, false},
		"addition with an error":     {KindAdd, "completed", `"items_total_count":3,"items_completed_count":3,"error_count":1`, false},
		"addition without counters":  {KindAdd, "completed", ``, false},
		"another kind":               {"export", "completed", good, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := activityWith(t, `"state":"`+tc.state+`","status":{`+tc.counters+`}`)
			if got := a.Clean(tc.kind, 3); got != tc.want {
				t.Errorf("clean is %v with %v", got, a.Counters())
			}
		})
	}
	if a := activityWith(t, `"state":"completed","activity_errors":["Line 3: no"],"status":{`+good+`}`); a.Clean(KindImport, 3) {
		t.Error("an activity with errors is clean")
	}
}

func TestMatches(t *testing.T) {
	imported := activityWith(t, `"state":"completed","status":{"items_total_count":3,"person_count":2,"list_count":1}`)
	changed := activityWith(t, `"state":"completed","status":{"items_total_count":3,"items_completed_count":3,"person_count":0,"list_count":2}`)
	bare := activityWith(t, `"state":"completed"`)
	for _, tc := range []struct {
		a             Activity
		kind          string
		people, lists int
		want          bool
	}{
		{imported, KindImport, 2, 1, true},
		{imported, KindImport, 3, 1, false},
		{imported, KindAdd, 3, 1, false},
		{changed, KindAdd, 3, 2, true},
		{changed, KindRemove, 3, 2, true},
		{changed, KindAdd, 3, 1, false},
		{changed, KindImport, 3, 2, false},
		{bare, KindImport, 2, 1, false},
		{bare, KindAdd, 2, 1, false},
		{changed, "export", 3, 2, false},
	} {
		if got := tc.a.Matches(tc.kind, tc.people, tc.lists); got != tc.want {
			t.Errorf("%s of %d on %d lists matches %v: %v", tc.kind, tc.people, tc.lists, tc.a.Counters(), got)
		}
	}
}

func TestActivityForms(t *testing.T) {
	for state, ended := range map[string]bool{
		"initialized": false, "processing": false, "completed": true, "cancelled": true, "failed": true, "timed_out": true, "novel": false, "": false,
	} {
		if got := activityWith(t, `"state":"`+state+`"`).Ended(); got != ended {
			t.Errorf("state %q has ended: %v", state, got)
		}
	}
	a := activityWith(t, `"activity_errors":["Line 3: zz-canary@example.org",{"message":"tag is gone"},7],"status":{"person_count":"many","error_count":1.5}`)
	if got := strings.Join(a.Errors, "|"); got != "Line 3: [address]|tag is gone|" {
		t.Errorf("errors are %s", got)
	}
	if len(a.Counters()) != 0 {
		t.Errorf("counters are %v", a.Counters())
	}
}

// An activity of somebody else, in whatever form, does not keep ours from being found.
func TestAnotherActivityInAnotherForm(t *testing.T) {
	for name, other := range map[string]string{
		"errors are one text":  `{"activity_id":"a0","state":"failed","activity_errors":"Line 3: no"}`,
		"errors are an object": `{"activity_id":"a0","state":"failed","activity_errors":{"message":"no"}}`,
		"status is a text":     `{"activity_id":"a0","state":"completed","status":"done"}`,
		"status is an array":   `{"activity_id":"a0","state":"completed","status":[]}`,
		"links are an array":   `{"activity_id":"a0","state":"completed","_links":[]}`,
		"results is a text":    `{"activity_id":"a0","state":"completed","_links":{"results":"/v3/contact_exports/e1"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ids, err := readAll(t, answering(t, 200, `{"activities":[`+other+`,`+activity1+`]}`))
				if err != nil || len(ids) != 2 {
					t.Errorf("%v, %v", ids, err)
				}
			})
		})
	}
}

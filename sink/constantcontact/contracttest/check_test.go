package contracttest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const id = "06526938-56dd-11e9-932a-fa163ea075fa"

// ask is a request as the client sends it; an empty text takes a header away.
func ask(method, target, body string, headers ...string) (*http.Request, []byte) {
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	r.Header.Set("User-Agent", "rollcall/1")
	r.Header.Set("Authorization", "Bearer x")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r, []byte(body)
}

const formType = "application/x-www-form-urlencoded"

func TestRequests(t *testing.T) {
	row := `{"email":"a@example.org"}`
	rows := func(row string) string { return `{"import_data":[` + row + `],"list_ids":["` + id + `"]}` }
	put := func(more string) string { return `{"update_source":"Account"` + more + `}` }
	for _, test := range []struct {
		method, target, body string
		headers              []string
		problem              string // part of it; empty when there is none
	}{
		{method: "GET", target: "/v3/contacts?status=all&limit=500&include=list_memberships"},
		{method: "GET", target: "/v3/contacts?cursor=x"},
		{method: "GET", target: "/v3/contacts?limit=500", problem: "has no status"},
		{method: "GET", target: "/v3/contacts?status=all&limit=501", problem: "parameter limit"},
		{method: "GET", target: "/v3/contacts?status=all&updated_after=today", problem: "parameter updated_after"},
		{method: "GET", target: "/v3/contacts?status=all&lists=" + strings.Repeat(id+",", 25) + id, problem: "parameter lists"},
		{method: "GET", target: "/v3/contacts?status=all&colour=red", problem: "unknown parameter colour"},
		{method: "GET", target: "/v3/contacts/" + id + "?include=everything", problem: "parameter include"},
		{method: "GET", target: "/v3/contacts/counts", body: "{}", problem: "has a body"},
		{method: "GET", target: "/v3/activities?state=initialized", problem: "parameter state"},
		{method: "DELETE", target: "/v3/contacts/" + id, problem: "no operation"},
		{method: "POST", target: "/v3/contacts/sign_up_form", body: "{}", problem: "no operation"},
		{method: "GET", target: "/v3/contacts/counts", headers: []string{"User-Agent", "Go-http-client/1.1"}, problem: "user agent"},
		{method: "GET", target: "/v3/contacts/counts", headers: []string{"Authorization", ""}, problem: "has no token"},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(``)},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(`,"email_address":{"address":"a@example.org","permission_to_send":"implicit"}`)},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(`,"list_memberships":[]`), problem: `unknown member "list_memberships"`},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(`,"email_address":{"address":"a@example.org"}`), problem: "has no permission_to_send"},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(`,"email_address":{"address":"a@example.org","permission_to_send":"unsubscribed"}`), problem: "permission_to_send: is no of"},
		{method: "PUT", target: "/v3/contacts/" + id, body: `{"update_source":"Contact"}`, problem: "update_source"},
		{method: "PUT", target: "/v3/contacts/" + id, body: `{}`, problem: "has no update_source"},
		{method: "PUT", target: "/v3/contacts/" + id, body: put(``), headers: []string{"Content-Type", "text/plain"}, problem: "not declared as JSON"},
		{method: "POST", target: "/v3/contacts", body: `{"create_source":"Account","email_address":{"address":"a@example.org","permission_to_send":"implicit"}}`},
		{method: "POST", target: "/v3/contacts", body: `{"create_source":"Account","email_address":{"address":"a@example.org","permission_to_send":"explicit"}}`, problem: "permission_to_send"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(row)},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(`{"email":"a@example.org","cf:level":"x"}`)},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(`{"email":"A@example.org"}`), problem: "[0].email: is no address"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(`{"email":"a@example.org","first_name":""}`), problem: "first_name: has 0 characters"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(`{"email":"` + strings.Repeat("a", 40) + `@example.org"}`), problem: "email: has 52 characters"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(`{"email":"a@example.org","colour":"x"}`), problem: "unknown member"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: `{"import_data":[` + row + `],"list_ids":[]}`, problem: "list_ids: has 0 members"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: `{"import_data":[` + row + `],"list_ids":["` + id + `","` + id + `"]}`, problem: "a member twice"},
		{method: "POST", target: "/v3/activities/contacts_json_import", body: rows(row + strings.Repeat(" ", maxBody)), problem: "too large"},
		{method: "POST", target: "/v3/activities/add_list_memberships", body: `{"source":{"all_active_contacts":true},"list_ids":["` + id + `"]}`, problem: "all_active_contacts"},
		{method: "POST", target: "/v3/activities/contact_exports", body: `{"fields":["shoe_size"]}`, problem: "fields[0]"},
		{method: "POST", target: tokenPath, body: "grant_type=refresh_token&refresh_token=x&client_id=app", headers: []string{"Content-Type", formType, "Authorization", ""}},
		{method: "POST", target: tokenPath, body: "grant_type=refresh_token&refresh_token=x&client_id=app", headers: []string{"Content-Type", formType, "Authorization", "Basic YTpi"}, problem: "twice"},
		{method: "POST", target: tokenPath, body: "grant_type=refresh_token&refresh_token=x", headers: []string{"Content-Type", formType, "Authorization", ""}, problem: "not at all"},
		{method: "POST", target: tokenPath, body: "grant_type=refresh_token&client_secret=x", headers: []string{"Content-Type", formType, "Authorization", "Basic YTpi"}, problem: "client_secret"},
		{method: "POST", target: tokenPath, body: "grant_type=password", headers: []string{"Content-Type", formType, "Authorization", "Basic YTpi"}, problem: "grant_type"},
		{method: "GET", target: authorizePath + "?client_id=a&redirect_uri=b&scope=c&state=d&response_type=code"},
		{method: "GET", target: authorizePath + "?client_id=a&redirect_uri=b&scope=c&response_type=code", problem: "has no state"},
		{method: "GET", target: authorizePath + "?client_id=a&redirect_uri=b&scope=c&state=d&response_type=code&code_challenge=x&code_challenge_method=plain", problem: "not S256"},
	} {
		r, body := ask(test.method, test.target, test.body, test.headers...)
		problems := strings.Join(CheckRequest(r, body), "; ")
		if (test.problem == "") != (problems == "") || !strings.Contains(problems, test.problem) {
			t.Errorf("%s %.60s %.80s: %q, want %q", test.method, test.target, test.body, problems, test.problem)
		}
		if strings.Contains(problems, "@") || strings.Contains(problems, id) {
			t.Errorf("a problem has a value: %s", problems)
		}
	}
}

func TestAnswers(t *testing.T) {
	const times = `"created_at":"2026-05-04T09:00:00Z","updated_at":"2026-05-04T09:00:00Z"`
	contact := `{"contact_id":"` + id + `","create_source":"Account","update_source":"Account",` + times
	job := `{"activity_id":"` + id + `","state":"initialized",` + times + `,"percent_done":0,"activity_errors":[],"_links":{"self":{"href":"/v3/activities/` + id + `"}}`
	for _, test := range []struct {
		method, target string
		status         int
		body           string
		kind           string // default JSON
		problem        string
	}{
		{method: "GET", target: "/v3/contacts/" + id, status: 200, body: contact + `}`},
		{method: "GET", target: "/v3/contacts/" + id, status: 200, body: contact + `,"list_memberships":[]}`, problem: "unknown member"},
		{method: "GET", target: "/v3/contacts/" + id + "?include=list_memberships", status: 200, body: contact + `}`, problem: "has no list_memberships"},
		{method: "GET", target: "/v3/contacts/" + id, status: 200, body: contact + `,"deleted_at":"2026-05-04T09:00:00Z"}`, problem: "deleted_at: is no date"},
		{method: "GET", target: "/v3/contacts/" + id, status: 200, body: contact + `,"status":"active"}`, problem: `"status"`},
		{method: "GET", target: "/v3/contacts?status=all", status: 200, body: `{"contacts":[` + contact + `}]}`},
		{method: "GET", target: "/v3/contacts?status=all", status: 200, body: `{"contacts":null}`, problem: "is no array"},
		{method: "GET", target: "/v3/contacts?status=all", status: 200, body: `{"contacts":[],"_links":{"next":{"href":"https://elsewhere.example.org/"}}}`, problem: "below /v3"},
		{method: "POST", target: "/v3/activities/contacts_json_import", status: 201, body: job + `}`},
		{method: "POST", target: "/v3/activities/contacts_json_import", status: 202, body: job + `}`, problem: "its status"},
		{method: "POST", target: "/v3/activities/contacts_json_import", status: 201, body: job + `,"kind":"import"}`, problem: "unknown member"},
		{method: "GET", target: "/v3/contact_exports/" + id, status: 200, body: "a,b\n", kind: "text/csv"},
		{method: "GET", target: "/v3/contact_exports/" + id, status: 200, body: "a,b\n", problem: "not declared as CSV"},
		{method: "GET", target: "/v3/contacts/counts", status: 401, body: `{"error_key":"unauthorized","error_message":"Unauthorized"}`},
		{method: "GET", target: "/v3/contacts/counts", status: 401, body: `[{"error_key":"unauthorized","error_message":"Unauthorized"}]`, problem: "is no object"},
		{method: "GET", target: "/v3/contacts/counts", status: 400, body: `{"error_key":"x","error_message":"y"}`, problem: "is no array"},
		{method: "GET", target: "/v3/contacts/counts", status: 403, body: `{"message":"Forbidden"}`},
		{method: "GET", target: "/v3/contacts/counts", status: 403, body: `<html>`, kind: "text/html"},
		{method: "GET", target: "/v3/contacts/counts", status: 200, body: `<html>`, kind: "text/html", problem: "is a page"},
		{method: "GET", target: "/v3/contacts/counts", status: 502, body: `<html>`, kind: "text/html"},
		{method: "POST", target: tokenPath, status: 400, body: `{"error":"invalid_grant","error_description":"x"}`},
		{method: "POST", target: tokenPath, status: 400, body: `{"errorCode":"invalid_grant","errorSummary":"x"}`},
		{method: "POST", target: tokenPath, status: 400, body: `{"error_key":"x","error_message":"y"}`, problem: "error"},
		{method: "POST", target: tokenPath, status: 200, body: `{"token_type":"Bearer","expires_in":86400,"access_token":"short","scope":"x"}`, problem: "access_token"},
	} {
		r, _ := ask(test.method, test.target, "")
		kind := test.kind
		if kind == "" {
			kind = "application/json"
		}
		problems := strings.Join(CheckAnswer(r, test.status, http.Header{"Content-Type": {kind}}, []byte(test.body)), "; ")
		if (test.problem == "") != (problems == "") || !strings.Contains(problems, test.problem) {
			t.Errorf("%s %s %d %.80s: %q, want %q", test.method, test.target, test.status, test.body, problems, test.problem)
		}
		if strings.Contains(problems, id) {
			t.Errorf("a problem has a value: %s", problems)
		}
	}
}

// What passes through comes out as it was.
func TestHandler(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/x")
		w.WriteHeader(http.StatusTeapot)
		_ = r.Write(w)
	})
	for requests, want := range map[bool]int{true: 2, false: 1} {
		var problems []string
		handler := Handler(next, requests, func(problem string) { problems = append(problems, problem) })
		r, _ := ask("DELETE", "/v3/contacts/"+id, "body")
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		if rec.Code != http.StatusTeapot || rec.Header().Get("Location") != "/x" || !strings.HasSuffix(rec.Body.String(), "body") || len(problems) < want {
			t.Errorf("got %d, problems %q", rec.Code, problems)
		}
		before := len(problems)
		r, _ = ask("POST", "/_sim/reset", "")
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if len(problems) != before {
			t.Errorf("a control is held to the contract: %q", problems[before:])
		}
	}
}

package constantcontact

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestErrorShapes(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		key    string
		text   string
		kind   BodyKind
		class  Class
	}{
		"array": {
			400, `[{"error_key":"contacts.api.validation.error","error_message":"Email address is invalid"}]`,
			"contacts.api.validation.error", "Email address is invalid", BodyJSON, Reject,
		},
		"several in an array": {400, `[{"error_key":"k1","error_message":"one"},{"error_key":"k2","error_message":"two"}]`, "k1", "one; two", BodyJSON, Reject},
		"empty array":         {400, `[]`, "", "", BodyJSON, Reject},
		"object":              {401, `{"error_key":"unauthorized","error_message":"Unauthorized"}`, "unauthorized", "Unauthorized", BodyJSON, Reconnect},
		"gateway":             {403, `{"message":"Forbidden"}`, "", "Forbidden", BodyJSON, Reconnect},
		"empty body":          {404, ``, "", "", BodyEmpty, Missing},
		"HTML of a proxy":     {502, "\n<!DOCTYPE html><p>zz-canary@example.org", "", "", BodyHTML, Retry},
		"text":                {503, "upstream is away", "", "upstream is away", BodyText, Retry},
		"conflict":            {409, `[{"error_key":"contacts.api.conflict","error_message":"Email already exists"}]`, "contacts.api.conflict", "Email already exists", BodyJSON, Conflict},
		"our content type":    {415, ``, "", "", BodyEmpty, Fatal},
		"throttled":           {429, `{"error_key":"throttled","error_message":"Too Many Requests"}`, "throttled", "Too Many Requests", BodyJSON, Throttle},
		"day used up":         {429, `{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}`, "quota_exceeded", "Limit Exceeded", BodyJSON, Quota},
		"throttled by a proxy": {
			429, `<html>`, "", "", BodyHTML, Throttle,
		},
		"wrong types": {400, `{"error_key":5}`, "", `{"error_key":5}`, BodyText, Reject},
	} {
		t.Run(name, func(t *testing.T) {
			err := newAPIError(opImport, tc.status, []byte(tc.body))
			e, ok := errors.AsType[*APIError](err)
			if !ok {
				t.Fatalf("error is a %T", err)
			}
			if e.Status != tc.status || e.Key != tc.key || e.Message != tc.text || e.Body != tc.kind {
				t.Errorf("got %d %q %q %s", e.Status, e.Key, e.Message, e.Body)
			}
			if got := Classify(err); got != tc.class {
				t.Errorf("class is %s, want %s", got, tc.class)
			}
			if got := MayHaveApplied(err); got != (tc.status >= 500) {
				t.Errorf("may have applied is %v", got)
			}
			if e.Operation != "import_contacts" || e.Method != "POST" || e.Path != "/activities/contacts_json_import" {
				t.Errorf("endpoint is %+v", e.Endpoint)
			}
		})
	}
}

func TestReadsNeverApply(t *testing.T) {
	for _, err := range []error{
		newAPIError(opLists, 500, nil),
		&TransportError{Endpoint: opLists, Written: true},
		&BodyError{Endpoint: opLists},
		nil,
	} {
		if MayHaveApplied(err) {
			t.Errorf("may have applied: %v", err)
		}
	}
}

func TestMessagesAreScrubbed(t *testing.T) {
	for _, body := range []string{
		`[{"error_key":"k","error_message":"Email zz-canary@example.org is invalid"}]`,
		`{"error_key":"zz-canary@example.org","error_message":"no"}`,
		`{"message":"address=<ZZ-Canary@example.org>;"}`,
		`{"message":"zz-canary\u0040example.org"}`,
		`zz-canary%40example.org`,
		`mail to "zz canary"@example.org`,
		`see ?email=zz-canary%40example.org&status=all`,
		`{"message":"zz-canary＠example.org"}`,
		"zz-canary&#64;example.org",
	} {
		err := newAPIError(opContactByEmail, 400, []byte(body))
		if text := strings.ToLower(err.Error()); strings.Contains(text, "canary") || !strings.Contains(text, "[address]") {
			t.Errorf("body %s became %s", body, text)
		}
	}
	long := newAPIError(opLists, 400, []byte(strings.Repeat("é", 5000)))
	if e, _ := errors.AsType[*APIError](long); len([]rune(e.Message)) != maxMessage {
		t.Errorf("message has %d characters", len([]rune(e.Message)))
	}
}

func TestJSONErrorsDoNotShowContent(t *testing.T) {
	c := answering(t, 201, `{"activity_id":"a1","state":5551234}`)
	_, err := c.AddListMemberships(t.Context(), []string{contactID}, []string{listID})
	if err == nil || strings.Contains(err.Error(), "5551234") {
		t.Errorf("error is %v", err)
	}
}

// FuzzErrorBody: whatever the API answers to a failed request becomes an
// APIError without an address and of a bounded length.
func FuzzErrorBody(f *testing.F) {
	f.Add(400, []byte(`[{"error_key":"k","error_message":"zz-canary@example.org"}]`))
	f.Add(403, []byte(`{"message":"Forbidden"}`))
	f.Add(429, []byte(`{"error_key":"throttled"}`))
	f.Add(502, []byte("<html>a@b</html>"))
	f.Add(500, []byte("\xff@\xfe"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := newAPIError(opImport, status, body)
		if _, ok := errors.AsType[*APIError](err); !ok {
			t.Fatalf("error is a %T", err)
		}
		if text := err.Error(); strings.ContainsAny(text, "@＠") || len([]rune(text)) > 2*maxMessage+200 {
			t.Errorf("text is %q", text)
		}
		Classify(err)
		MayHaveApplied(err)
	})
}

// The key of a full queue's error is not documented. Whatever it is, the day is not
// spent.
func TestAFullQueueIsNotASpentDay(t *testing.T) {
	for _, body := range []string{
		`{"error_key":"quota_exceeded","error_message":"You exceeded 1,000 queued activities for this user account."}`,
		`[{"error_key":"quota_exceeded","error_message":"You exceeded 1,000 queued activities for this user account."}]`,
		`{"message":"You exceeded 1,000 queued activities for this user account."}`,
		`You exceeded 1,000 queued activities for this user account.`,
	} {
		_, err := answering(t, http.StatusTooManyRequests, body).AddListMemberships(t.Context(), []string{contactID}, []string{listID})
		limited, ok := errors.AsType[*RateLimitError](err)
		if !ok || limited.Daily || !limited.Queue || Classify(err) != Throttle {
			t.Errorf("%s: %+v, class %s", body, limited, Classify(err))
		}
	}
}

package constantcontact

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inMemory answers requests without a network, so that testing/synctest can
// run the clock.
type inMemory func(w http.ResponseWriter, r *http.Request)

func (h inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), nil
}

// config is a valid configuration whose requests go to transport.
func config(transport http.RoundTripper) Config {
	return Config{
		HTTP:      &http.Client{Transport: transport},
		Token:     func(context.Context) (string, error) { return "token-1", nil },
		Wait:      func(context.Context) error { return nil },
		UserAgent: "rollcall-test/1",
		Now:       time.Now,
	}
}

func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answering returns a client whose every request gets one answer.
func answering(t *testing.T, status int, body string) *Client {
	t.Helper()
	return newClient(t, config(inMemory(func(w http.ResponseWriter, _ *http.Request) { reply(w, status, body) })))
}

func reply(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

const (
	listID    = "06526938-56dd-11e9-932a-fa163ea075fa"
	contactID = "1618ae62-4752-11e9-9c8a-fa163e6b01c1"
	canary    = "zz-canary@example.org"
	activity1 = `{"activity_id":"a1","state":"initialized"}`
)

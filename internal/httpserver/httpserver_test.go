package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer(report Report) *Server {
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "rollcall_a_gauge", Help: "For this test."})
	registry.MustRegister(gauge)
	return &Server{Gatherer: registry, Ready: func() Report { return report }, Log: slog.New(slog.DiscardHandler)}
}

func ask(h http.Handler, method, path string) (status int, body string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func TestAnswers(t *testing.T) {
	h := newServer(Report{Ready: true, Checks: []Check{{"stream", true, "this process reads it"}}, Notes: []string{}}).Handler()
	for _, x := range []struct {
		method, path string
		status       int
		has          string
	}{
		{"GET", "/metrics", 200, "rollcall_a_gauge 0"},
		{"GET", "/healthz", 200, "alive"},
		{"GET", "/readyz", 200, `"reason": "this process reads it"`},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/metrics", 405, ""},
		{"GET", "/", 404, ""},
		{"GET", "/debug/pprof/", 404, ""},
	} {
		if status, body := ask(h, x.method, x.path); status != x.status || !strings.Contains(body, x.has) {
			t.Errorf("%s %s answered %d %q", x.method, x.path, status, body)
		}
	}
}

func TestNotReadySaysWhy(t *testing.T) {
	want := Report{Checks: []Check{{"stream", false, "nobody reads it"}}, Notes: []string{"association 1: its account is not connected (disconnected)"}}
	status, body := ask(newServer(want).Handler(), "GET", "/readyz")
	var got Report
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if status != 503 || got.Ready || got.Checks[0] != want.Checks[0] || got.Notes[0] != want.Notes[0] {
		t.Errorf("answered %d %s", status, body)
	}
}

// A planned stop lets a scrape end that is under way, and ends the server.
func TestRunStops(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(Report{})
	asked, answer := make(chan struct{}), make(chan struct{})
	s.Ready = func() Report {
		close(asked)
		<-answer
		return Report{Ready: true}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	got := make(chan error, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get("http://" + listener.Addr().String() + "/readyz")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		got <- err
	}()
	<-asked
	cancel()
	close(answer)
	if err := <-got; err != nil {
		t.Errorf("a request under way: %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

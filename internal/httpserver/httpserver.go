// Package httpserver answers whoever watches this process: /metrics for
// Prometheus, /healthz and /readyz for whoever restarts it. It knows nobody and
// shows nothing of members, so it has no password; it listens on this host unless
// the configuration says otherwise.
package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Report says whether the process does its job.
type Report struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
	// Notes are about what a person should see to and that another process could
	// do no better.
	Notes []string `json:"notes"`
}

// Check is one part of the job.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason"` // what is so, in words; no member data
}

// Server answers requests.
type Server struct {
	Gatherer prometheus.Gatherer
	// Ready says whether the process does its job. It must not block.
	Ready func() Report
	Log   *slog.Logger
}

const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	stopPatience  = 2 * time.Second // for requests under way when the process stops
	mostScrapes   = 4               // at once
)

// Handler answers /metrics, /healthz and /readyz, and nothing else.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Gatherer, promhttp.HandlerOpts{
		ErrorLog: errorLog{s.Log}, MaxRequestsInFlight: mostScrapes, Timeout: writeTimeout / 2,
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("alive\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		report := s.Ready()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !report.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(report) // whoever asked has gone
	})
	return mux
}

// Run answers requests until the context ends.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
		defer cancel()
		if server.Shutdown(patience) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return ctx.Err()
	}
	return fmt.Errorf("serve metrics: %w", err)
}

// errorLog logs what a scrape could not gather.
type errorLog struct{ log *slog.Logger }

// Println logs; see promhttp.Logger.
func (l errorLog) Println(v ...any) {
	l.log.Warn("metrics cannot be gathered", "err", fmt.Sprint(v...))
}

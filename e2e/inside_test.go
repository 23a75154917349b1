package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/app"
	"rollcall/internal/ccsim"
	"rollcall/internal/config"
	"rollcall/internal/redact"
)

// clock is the real one, and can be put forward: days without calls and pauses of
// hours are not waited for.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(max(0, d))) }

// text is a log that may be read while it is written.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.String()
}

// inside is a world whose program runs in the test's process, with a clock of the
// test, and whose account is connected with OAuth.
type inside struct {
	*world
	clock  *clock
	config *config.Config
	// raw is what the program logs, before anything is taken out of it.
	raw *text
	log *slog.Logger
}

// theApp is the application of the account, as the office registered it.
const theApp = "an-application"

func newInside(t *testing.T, template string, fill func(context.Context, *pgx.Conn) error, longLived bool) *inside {
	t.Helper()
	w := &inside{clock: &clock{}, raw: &text{}}
	w.world = newWorldAt(t, template, fill, w.clock.now)
	redirect := w.oauthConfig(t)
	if err := w.sim.SetApp(ccsim.App{Key: theApp, Secret: "zz-canary-secret", RedirectURIs: []string{redirect}, LongLived: longLived}); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.config, err = config.Load(w.world.config); err != nil {
		t.Fatal(err)
	}
	w.log = slog.New(slog.NewTextHandler(w.raw, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return w
}

// run runs the program until the returned function is called.
func (w *inside) run(t *testing.T) (stop func()) {
	t.Helper()
	a, err := app.New(t.Context(), w.config, w.log, w.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("planned stop: %v", err)
		}
		a.Close()
	})
	t.Cleanup(func() {
		stop()
		wantNoTrace(t, w.raw.String())
		if t.Failed() {
			var out bytes.Buffer
			slog.New(redact.NewHandler(slog.NewTextHandler(&out, nil))).Info("end of the log", "text", string(tail([]byte(w.raw.String()), 8000)))
			t.Log(out.String())
		}
	})
	return stop
}

// connectInside connects the account as the commands connect and the console do,
// and is the person who signs in.
func (w *inside) connectInside(ctx context.Context) error { return w.connectAccount(ctx, account, "") }

// connectAccount connects an account of the simulator, which may take the place of
// another one if its id is that to adopt.
func (w *inside) connectAccount(ctx context.Context, account, adopt string) error {
	w.sim.SetConsent(&ccsim.Consent{Account: account})
	c, err := app.OpenConnections(ctx, w.config, w.log, w.clock.now)
	if err != nil {
		return err
	}
	defer c.Close()
	connecting, err := c.Begin("1")
	if err != nil {
		return err
	}
	defer connecting.Close()
	code, err := signIn(ctx, connecting.Address)
	if err != nil {
		return err
	}
	_, err = connecting.Finish(ctx, code, "the test", "Olive Office", adopt)
	return err
}

// signIn is the browser: it returns the code with which it is sent back.
func signIn(ctx context.Context, address string) (code string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("User-Agent", "browser/1")
	browser := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := browser.Do(r)
	if err != nil {
		return "", errors.New("sign in: no answer")
	}
	_ = answer.Body.Close()
	back, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		return "", fmt.Errorf("sign in: answered %d without a code", answer.StatusCode)
	}
	return back.Query().Get("code"), nil
}

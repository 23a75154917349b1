package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rollcall/internal/budget"
	"rollcall/internal/lease"
	"rollcall/internal/pause"
	"rollcall/internal/probe"
	"rollcall/internal/store"
)

// Probe finds out of an association's account what Constant Contact's documents
// leave open; see internal/probe. Each of its requests is made under the lease of
// the API key, which a running program gets back in between. Where nobody gives
// it up, the error is a *lease.HeldError and nothing was done.
func (c *Connections) Probe(ctx context.Context, association string) (probe.Report, error) {
	a := c.app
	conn, ok := a.cfg.ConstantContact.Connection(association)
	if !ok {
		_, err := c.connection(association) // says which there are
		return probe.Report{}, err
	}
	key, err := newAPIKey(a.cfg, conn.APIKey, a.now)
	if err != nil {
		return probe.Report{}, err
	}
	if key.oauth != nil {
		defer key.oauth.Close()
	}
	tokens := newTokens(a.cfg, conn, key, c.box, a.store.Association(association), a.now, a.log)
	if err := tokens.Ready(ctx); err != nil {
		return probe.Report{}, err
	}
	client := &http.Client{
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	var report probe.Report
	err = c.turns(ctx, key, func(ctx context.Context, turn func(context.Context) error) (err error) {
		report, err = probe.Run(ctx, probe.Config{
			BaseURL: a.cfg.ConstantContact.APIURL, UserAgent: userAgent, HTTP: client, Token: tokens.Token, Pause: pause.For,
			Wait: func(ctx context.Context) error {
				member := budget.Member{Source: a.cfg.Source.Name, Association: association}
				for {
					err := turn(ctx)
					if err == nil {
						err = key.wait(member, budget.Ordinary)(ctx)
					}
					if !errors.Is(err, lease.ErrLost) {
						return err
					}
					if err := pause.For(ctx, turnPoll); err != nil {
						return err
					}
				}
			},
			Suffix: fmt.Sprintf("%s-%s", a.now().UTC().Format("20060102-150405"), strings.ToLower(rand.Text()[:4])),
		})
		return err
	})
	return report, err
}

// turnPoll is the time between two looks whether the lease is there.
const turnPoll = 100 * time.Millisecond

// turns works while the lease of a key comes and goes. turn returns when it is
// held.
func (c *Connections) turns(ctx context.Context, key *apiKey, work func(ctx context.Context, turn func(context.Context) error) error) error {
	a := c.app
	keeper := newKeeper(store.NewLeases(a.state, a.now), "probe", "probing an account", a.now, a.log)
	holding, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- keeper.Hold(holding, key.id, func(ctx context.Context, l *lease.Lease) error {
			return key.serve(ctx, l, store.NewBudgets(a.state), members(a.cfg, key.name), limits(a.cfg.Pace), a.now, a.log, func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		})
	}()
	turn := func(ctx context.Context) error {
		waiting, done := context.WithTimeout(ctx, c.Patience)
		defer done()
		for key.term.Load() == nil {
			if pause.For(waiting, turnPoll) == nil {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			row, err := store.NewLeases(a.state, a.now).Lease(ctx, key.id)
			if err != nil {
				return err
			}
			held := &lease.HeldError{Key: key.id, Holder: row.Holder, Since: row.HeldSince}
			return fmt.Errorf("API key %s is busy: %w; stop that process, or try again later", key.name, held)
		}
		return nil
	}
	err := work(ctx, turn)
	cancel()
	if holdErr := <-ended; err == nil && !errors.Is(holdErr, context.Canceled) {
		err = holdErr
	}
	return err
}

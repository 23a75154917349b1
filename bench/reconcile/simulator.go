package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"rollcall/bench/association"
	"rollcall/internal/ccsim"
	"rollcall/sink/constantcontact"
)

// start is when the simulator's clock begins; it goes on only when told to.
var start = time.Date(2026, 7, 1, 15, 0, 0, 0, time.UTC)

const (
	account = "harbour"
	token   = "token"
)

// simulate is a Constant Contact with everybody of an association on their lists,
// or with nobody, in a process of its own, so that its memory is not counted. It
// writes the contacts' ids to a file, prints its address and serves until it is
// interrupted.
func simulate(ctx context.Context, size association.Size, filled bool, ids string) (err error) {
	ctx, cancel := signal.NotifyContext(ctx, os.Interrupt)
	defer cancel()
	sim := ccsim.New(ccsim.Config{Now: func() time.Time { return start }})
	sim.AddAccount(account, "key", token)
	if filled {
		if err := fill(sim, size, ids); err != nil {
			return err
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Println("http://" + listener.Addr().String())
	<-ctx.Done()
	err = server.Close()
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// fill puts everybody on their lists, and writes the ids of the contacts.
func fill(sim *ccsim.Sim, size association.Size, ids string) (err error) {
	for _, name := range size.Names() {
		if err := sim.CreateList(account, name); err != nil {
			return err
		}
	}
	file, err := os.Create(ids)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	defer func() { err = errors.Join(err, out.Flush(), file.Close()) }()
	for rep := range size.Reps {
		address, lists := size.Rep(rep + 1)
		if err := sim.AddContact(account, address, lists...); err != nil {
			return err
		}
		shown, err := sim.Contact(account, address)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, shown["contact_id"]); err != nil {
			return err
		}
	}
	return nil
}

// visitor looks at a simulator.
func visitor(base string) (*constantcontact.Client, error) {
	return constantcontact.New(constantcontact.Config{
		BaseURL: base + "/v3", UserAgent: "rollcall bench", Now: func() time.Time { return start },
		Token: func(context.Context) (string, error) { return token, nil },
		Wait:  func(context.Context) error { return nil },
	})
}

// listIDs are the ids of a simulator's lists, by name.
func listIDs(ctx context.Context, base string) (map[string]string, error) {
	client, err := visitor(base)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ids := map[string]string{}
	err = client.Lists(ctx, func(page []constantcontact.List) error {
		for _, l := range page {
			ids[l.Name] = l.ID
		}
		return nil
	})
	return ids, err
}

// judge wants everybody on the list of everybody, and nothing done that no client
// may do.
func judge(ctx context.Context, base string, reps int) error {
	var violations []ccsim.Violation
	if err := look(ctx, base, "violations", &violations); err != nil {
		return err
	}
	for _, v := range violations {
		return fmt.Errorf("the simulator's referee saw %s: %s", v.Rule, v.Detail)
	}
	var on []string
	if err := look(ctx, base, "accounts/"+account+"/lists/"+url.PathEscape(association.AllActive), &on); err != nil {
		return err
	}
	if len(on) != reps {
		return fmt.Errorf("%d people are on the list of everybody, want %d", len(on), reps)
	}
	return nil
}

// look reads a view of the simulator's controls.
func look(ctx context.Context, base, view string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/_sim/"+view, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return errors.Join(json.NewDecoder(answer.Body).Decode(into), answer.Body.Close())
}

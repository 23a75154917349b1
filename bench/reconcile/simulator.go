package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
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

// fill puts everybody on their lists, and writes each address with its contact's
// id.
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
		if _, err := fmt.Fprintf(out, "%s\t%s\n", address, shown["contact_id"]); err != nil {
			return err
		}
	}
	return nil
}

// listIDs are the ids of a simulator's lists, by name.
func listIDs(ctx context.Context, base string) (map[string]string, error) {
	client, err := constantcontact.New(constantcontact.Config{
		BaseURL: base + "/v3", UserAgent: "rollcall bench", Now: func() time.Time { return start },
		Token: func(context.Context) (string, error) { return token, nil },
		Wait:  func(context.Context) error { return nil },
	})
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

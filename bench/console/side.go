package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/access"
	"rollcall/internal/app"
	"rollcall/internal/chamber"
	"rollcall/internal/config"
	"rollcall/internal/localpg"
	"rollcall/sql"
)

const (
	// synced is the state after a first sync, and a year of calls.
	synced   = "e2e/commands/testdata/synced.sql"
	password = "correct horse battery"
	// countPatience is how long the program may take to count everybody.
	countPatience = 15 * time.Minute
)

// side is an association whose pages are served.
type side struct {
	reps     int
	counting time.Duration // until the numbers were there
	base     string
	browser  *http.Client
	lastName string
	address  string
	group    string // the list of one with fifty people
	app      *app.App
	stop     context.CancelFunc
	ended    chan error
}

// open fills a database and serves its console, signed in.
func open(ctx context.Context, server *localpg.Server, dir string, reps, groups int) (*side, error) {
	s := &side{reps: reps, ended: make(chan error, 1)}
	name := fmt.Sprintf("reps_%d", reps)
	url := server.URL(name)
	path, token := filepath.Join(dir, name+".yaml"), filepath.Join(dir, "token")
	text := fmt.Sprintf("source: {name: chamber, url: %q, slot: %s}\nconstant_contact: {connections: [{association: \"1\", access_token: {file: %q}}]}\n"+
		"metrics: {listen: \"off\"}\nconsole: {listen: \"127.0.0.1:0\"}\n", url, name, token)
	if err := errors.Join(os.WriteFile(token, []byte("none\n"), 0o600), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if err := create(ctx, server, name, reps, groups); err != nil {
		return nil, err
	}
	if err := addUser(ctx, cfg); err != nil {
		return nil, err
	}
	if err := s.fillState(ctx, url); err != nil {
		return nil, err
	}
	if s.app, err = app.New(ctx, cfg, slog.New(slog.DiscardHandler), time.Now, app.RoleConsole); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	s.stop = stop
	go func() { s.ended <- s.app.Run(running) }()
	s.base = strings.TrimSuffix(s.app.ConsoleURL(), "/")
	if err := errors.Join(s.signIn(ctx), s.awaitCount(ctx)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, execute(ctx, url, "vacuum analyze")
}

func (s *side) close() error {
	s.stop()
	err := <-s.ended
	s.app.Close()
	return err
}

func execute(ctx context.Context, url, script string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, script)
	return errors.Join(err, conn.Close(ctx))
}

// create makes a member database with reps, and a group of the same size whatever
// their number.
func create(ctx context.Context, server *localpg.Server, name string, reps, groups int) error {
	if err := execute(ctx, server.URL("postgres"), "create database "+name); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server.URL(name))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, script := range append(sql.Reference(), sql.Contract()...) {
		if _, err := conn.Exec(ctx, script); err != nil {
			return err
		}
	}
	if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 1, Associations: 1, Reps: reps, Groups: groups - 1}); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `
		with g as (insert into chamber.rep_group (association_id, name, sync) values (1, 'Fifty', true) returning group_id)
		insert into chamber.group_membership (association_id, group_id, rep_id) select 1, group_id, rep_id from g, generate_series(101, 150) rep_id;
		update chamber.sync_options set sync_all_active = true, sync_membership_types = true, sync_groups = true`)
	return err
}

// addUser makes the state, and somebody who may see everything.
func addUser(ctx context.Context, cfg *config.Config) error {
	users, err := app.OpenUsers(ctx, cfg, time.Now, true)
	if err != nil {
		return err
	}
	defer users.Close()
	hash, err := access.HashPassword("olive", password)
	if err != nil {
		return err
	}
	return users.AddConsoleUser(ctx, access.User{Name: "olive", Role: access.Admin}, hash, "bench")
}

func (s *side) fillState(ctx context.Context, url string) error {
	state, err := os.ReadFile(synced)
	if err != nil {
		return fmt.Errorf("read the state, from the repository's root: %w", err)
	}
	if err := execute(ctx, url, string(state)); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, `select last_name, (select address from rollcall_state.rep_seen order by ord desc limit 1), (select key from rollcall_state.list where name = 'Fifty')
		from chamber.rep where rep_id = 77`).Scan(&s.lastName, &s.address, &s.group)
}

func (s *side) signIn(ctx context.Context) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	s.browser = &http.Client{Jar: jar}
	_, err = s.ask(ctx, page{name: "login", path: "/login", form: url.Values{"name": {"olive"}, "password": {password}}})
	return err
}

// awaitCount waits until the program has counted everybody.
func (s *side) awaitCount(ctx context.Context) error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, countPatience)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		text, err := s.get(ctx, page{path: "/a/1/groups"})
		if err != nil {
			return err
		}
		if strings.Contains(text, "Counted ") {
			s.counting = time.Since(begun)
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the numbers: %w", ctx.Err())
		}
	}
}

// page is one that is asked for; a form makes it a POST.
type page struct {
	name, path string
	form       url.Values
}

// pages are all kinds of pages.
func (s *side) pages() []page {
	list := "/a/1/groups/all_active"
	return []page{
		{"groups", "/a/1/groups", nil},
		{"all_groups", "/a/1/groups?show=all", nil},
		{"group", "/a/1/groups/" + s.group, nil},
		{"sync_preview", "/a/1/groups/" + s.group + "/sync", nil},
		{"list", list, nil},
		{"list_people", list + "/people/in_database", nil},
		{"list_held", list + "/people/held?reason=member_not_active", nil},
		{"list_pending", list + "/people/pending", nil},
		{"people", "/a/1/people", nil},
		{"search_name", "/a/1/people", url.Values{"who": {s.lastName}}},
		{"search_address", "/a/1/people", url.Values{"who": {s.address}}},
		{"person", "/a/1/people/rep/77", nil},
		{"activity", "/a/1/activity", nil},
		{"approvals", "/a/1/approvals?show=all", nil},
		{"approval", "/a/1/approvals/1", nil},
		{"adoption", "/a/1/adoption", nil},
		{"problems", "/a/1/problems", nil},
		{"problem", "/a/1/problems/member_not_active", nil},
		{"options", "/a/1/options", nil},
		{"connect", "/a/1/connect", nil},
		{"audit", "/a/1/audit", nil},
		{"health", "/a/1/health", nil},
	}
}

// ask asks for a page, and returns how long it takes until all of it is there.
func (s *side) ask(ctx context.Context, p page) (time.Duration, error) {
	begun := time.Now()
	_, err := s.get(ctx, p)
	return time.Since(begun), err
}

func (s *side) get(ctx context.Context, p page) (string, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if p.form != nil {
		method, body = http.MethodPost, strings.NewReader(p.form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+p.path, body)
	if err != nil {
		return "", err
	}
	if p.form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := s.browser.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != http.StatusOK || answer.Request.URL.Path == "/login") {
		err = fmt.Errorf("the console answers with %s at %s", answer.Status, answer.Request.URL.Path)
	}
	return string(text), err
}

package demo

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"rollcall/internal/access"
	"rollcall/internal/app"
	"rollcall/internal/config"
)

// eveningPatience is how long the first look at a list may take, which reads the
// whole account.
const eveningPatience = 3 * time.Minute

// The user of the console while everything is left running.
const demoUser = "olive"

// addUser makes a user of the console with a password of the moment.
func addUser(ctx context.Context, cfg *config.Config, now func() time.Time) (password string, err error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("add user of the console: %w", err) }
	users, err := app.OpenUsers(ctx, cfg, now, true)
	if err != nil {
		return fail(err)
	}
	defer users.Close()
	password = rand.Text()
	hash, err := access.HashPassword(demoUser, password)
	if err != nil {
		return fail(err)
	}
	if err := users.AddConsoleUser(ctx, access.User{Name: demoUser, Role: access.Admin}, hash, "the demonstration"); err != nil {
		return fail(err)
	}
	return password, nil
}

// keep leaves everything running until the context ends, or the program does.
func (o *office) keep(ctx context.Context, p printer, console, member, password string, running chan error) error {
	if err := o.evening(ctx); err != nil {
		return err
	}
	p.line("\neverything stays until you press Ctrl-C\n  console   %s\n  login     %s, password %s\n  database  %s", console, demoUser, password, member)
	select {
	case <-ctx.Done():
	case stopped := <-running:
		running <- stopped
	}
	return nil
}

// evening leaves things to be decided on the pages of the console: a list that
// existed before its group was ticked, and more removals than go without asking.
func (o *office) evening(ctx context.Context) error {
	if err := o.sim.CreateList(o.account, "Garden Club"); err != nil {
		return fmt.Errorf("leave questions: %w", err)
	}
	for _, address := range []string{"garden.guest@example.org", "rose.friend@example.org", "nora.quist@example.org"} {
		if err := o.sim.AddContact(o.account, address, "Garden Club"); err != nil {
			return fmt.Errorf("leave questions: %w", err)
		}
	}
	for _, statement := range []string{
		`with g as (insert into chamber.rep_group (association_id, name, sync) values ($1, 'Garden Club', true) returning group_id)
		 insert into chamber.group_membership (association_id, group_id, rep_id)
		 select $1, group_id, rep_id from g, chamber.rep where association_id = $1 and email in ('otis@bakery.example.org', 'rosa.tamm@example.org')`,
		`update chamber.group_membership m set disabled = true
		 from (select m.group_id, m.rep_id from chamber.group_membership m join chamber.rep_group g using (group_id)
		       where g.association_id = $1 and g.name = 'Young Professionals' and not m.disabled order by m.rep_id limit 50) x
		 where m.group_id = x.group_id and m.rep_id = x.rep_id`,
	} {
		if _, err := o.member.Exec(ctx, statement, o.association); err != nil {
			return fmt.Errorf("leave questions: %w", err)
		}
	}
	return o.settle(ctx, eveningPatience)
}

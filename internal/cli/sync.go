package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

type syncCommand struct {
	associationFlags
	waitFlags
	Group string `arg:"" help:"Id or name of the group, or its list as plan shows it: group:12."`
	Yes   bool   `help:"Approve exactly the removals that are shown, without asking." short:"y"`
}

// errDeclined says that somebody was asked and did not agree.
var errDeclined = errors.New("not approved: nothing was changed")

func (c *syncCommand) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	v, err := c.one(i)
	if err != nil {
		return err
	}
	p, err := v.PreviewSync(e.ctx, c.Group)
	if err != nil {
		return err
	}
	preview := p.Report(v.ID)
	if !c.JSON {
		if err := preview.Text(e.stdout); err != nil {
			return err
		}
	}
	if !c.Yes {
		question := "Sync the group now?"
		if len(p.Removals) > 0 {
			question = fmt.Sprintf("Take %d off the list?", len(p.Removals))
		}
		if err := agree(e, c.JSON, question); err != nil {
			return err
		}
	}
	id, err := v.ApproveSync(e.ctx, p, e.who())
	if err != nil {
		return err
	}
	return c.follow(e, c.inspectFlags, i, asked{Request: id, Did: "Asked to sync the group now", Preview: preview})
}

// agree asks for a yes before people are taken off.
func agree(e *env, json bool, question string) error {
	nobody := &usageError{"this command asks before it takes people off, and there is no terminal to ask on", "--yes, which approves exactly what this shows"}
	if json {
		return nobody
	}
	return ask(e, question, nobody)
}

// confirm asks for a yes before something that cannot be taken back.
func confirm(e *env, question, command string) error {
	return ask(e, question, &usageError{command + " asks first, and there is no terminal to ask on", "--yes, after reading what this shows"})
}

// ask asks whoever sits at the terminal. Without anybody to ask, that is a wrong
// command line.
func ask(e *env, question string, nobody error) error {
	if !e.Terminal {
		return nobody
	}
	if _, err := fmt.Fprintf(e.stdout, "%s [y/N] ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(e.Stdin).ReadString('\n')
	if errors.Is(err, io.EOF) && answer == "" {
		fmt.Fprintln(e.stdout)
		return nobody
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return errDeclined
	}
	return nil
}

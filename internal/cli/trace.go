package cli

import (
	"errors"
	"fmt"

	"rollcall/internal/app"
	"rollcall/internal/report"
	"rollcall/mapper"
)

type traceCommand struct {
	associationFlags
	Rep string `arg:"" help:"Rep id."`
}

type traces struct {
	Traces []*report.Trace `json:"traces"`
}

func (c *traceCommand) Run(e *env) error {
	_, rep, err := person(c.Rep)
	if err != nil {
		return err
	}
	if rep == "" {
		return &usageError{"a trace is about a rep, not about an address", "the rep id, which rollcall explain names"}
	}
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	views, err := c.each(i)
	if err != nil {
		return err
	}
	found, missing := traces{}, error(nil)
	for _, v := range views {
		one, err := v.Trace(e.ctx, mapper.RepID(rep))
		var nobody *app.NobodyError
		switch {
		case errors.As(err, &nobody):
			missing = err
		case err != nil:
			return err
		default:
			found.Traces = append(found.Traces, one)
		}
	}
	if len(found.Traces) == 0 {
		return missing
	}
	return c.write(e, found)
}

func (x traces) text(e *env) error {
	for n, one := range x.Traces {
		if n > 0 {
			fmt.Fprintln(e.stdout)
		}
		if err := one.Text(e.stdout); err != nil {
			return err
		}
	}
	return nil
}

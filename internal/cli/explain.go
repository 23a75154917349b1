package cli

import (
	"errors"
	"fmt"

	"rollcall/internal/app"
	"rollcall/internal/report"
)

type explainCommand struct {
	associationFlags
	Who string `arg:"" help:"E-mail address or rep id."`
	All bool   `help:"Name every list, also those that the person has nothing to do with."`
}

type explanations struct {
	Explanations []*report.Explanation `json:"explanations"`
	all          bool
}

func (c *explainCommand) Run(e *env) error {
	address, rep, err := person(c.Who)
	if err != nil {
		return err
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
	found := explanations{all: c.All}
	var missing error
	for _, v := range views {
		var some []*report.Explanation
		if rep != "" {
			some, err = v.ExplainRep(e.ctx, rep)
		} else {
			var one *report.Explanation
			one, err = v.Explain(e.ctx, address)
			some = []*report.Explanation{one}
		}
		var nobody *app.NobodyError
		switch {
		case errors.As(err, &nobody):
			missing = err
		case err != nil:
			return err
		default:
			found.Explanations = append(found.Explanations, some...)
		}
	}
	if len(found.Explanations) == 0 {
		return missing
	}
	return c.write(e, found)
}

func (x explanations) text(e *env) error {
	for n, one := range x.Explanations {
		if n > 0 {
			fmt.Fprintln(e.stdout)
		}
		if err := one.Text(e.stdout, x.all); err != nil {
			return err
		}
	}
	return nil
}

package cli

import (
	"fmt"

	"rollcall/internal/app"
	"rollcall/internal/report"
)

type planCommand struct {
	associationFlags
	List  string `help:"Only this list: its key or name, or a group's id."`
	Names bool   `help:"Show the people too: member data."`
}

func (c *planCommand) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	views, err := c.each(i)
	if err != nil {
		return err
	}
	var documents *report.Documents
	if c.JSON {
		if documents, err = report.NewDocuments(e.stdout, "plans"); err != nil {
			return err
		}
	}
	for n, v := range views {
		p, err := c.plan(e, i, v)
		if err != nil {
			return err
		}
		if c.JSON {
			err = p.Document(documents)
		} else {
			if n > 0 {
				fmt.Fprintln(e.stdout)
			}
			err = p.Text(e.stdout)
		}
		if err != nil {
			return err
		}
	}
	if c.JSON {
		return documents.Close()
	}
	return nil
}

// plan plans one association.
func (c *planCommand) plan(e *env, i *app.Inspector, v *app.View) (*report.Plan, error) {
	facts, err := v.Store.Freshness(e.ctx)
	if err != nil {
		return nil, err
	}
	p := report.NewPlan(v.ID, e.Now(), facts, c.Names)
	if err := notes(e, i, p); err != nil {
		return nil, err
	}
	err = watched(e, v, "Planning", func() error { return v.Each(e.ctx, p.Add) })
	if err != nil {
		return nil, err
	}
	if c.List != "" {
		key, err := app.Choose(p, c.List)
		if err != nil {
			return nil, err
		}
		p.Keep(key)
	}
	guards, shrunk, err := v.Guards(e.ctx, p.Removing())
	if err != nil {
		return nil, err
	}
	for _, sentence := range shrunk {
		p.Notes = append(p.Notes, sentence+" Removals would be held.")
	}
	p.Hold(guards, v.Policy().Thresholds)
	return p, nil
}

// notes says what the reader of a plan must know first.
func notes(e *env, i *app.Inspector, p *report.Plan) error {
	foreign, err := i.Foreign(e.ctx)
	if err != nil {
		return err
	}
	if foreign {
		p.Notes = append(p.Notes, "the member database is another one than this state was made for; nothing is sent until that is settled.")
	}
	if p.Facts.FullPassAt == nil {
		p.Notes = append(p.Notes, "rollcall run has not read the whole member database yet; nothing is sent before it has.")
	}
	return nil
}

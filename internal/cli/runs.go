package cli

import (
	"rollcall/internal/app"
	"rollcall/internal/report"
	"rollcall/internal/store"
)

type runsCommand struct {
	associationFlags
	Limit int   `help:"How many runs of each association to list." default:"20"`
	ID    int64 `arg:"" optional:"" help:"Show the report of this run." name:"id"`
}

type runs struct {
	Runs []*report.Run `json:"runs"`
}

func (c *runsCommand) Run(e *env) error {
	if c.Limit < 1 {
		return &usageError{"--limit must be at least 1", ""}
	}
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if c.ID != 0 {
		return c.show(e, i.Store)
	}
	views, err := c.each(i)
	if err != nil {
		return err
	}
	all := runs{Runs: []*report.Run{}}
	for _, v := range views {
		some, err := v.Store.Runs(e.ctx, c.Limit)
		if err != nil {
			return err
		}
		for _, r := range some {
			one, err := app.ReportOf(e.ctx, v.ID, v.Store, r, e.Now())
			if err != nil {
				return err
			}
			all.Runs = append(all.Runs, one)
		}
	}
	return c.write(e, all)
}

func (r runs) text(e *env) error { return report.RunTable(e.stdout, r.Runs) }

func (c *runsCommand) show(e *env, s *store.Store) error {
	association, r, err := s.RunByID(e.ctx, c.ID)
	if err != nil {
		return err
	}
	one, err := app.ReportOf(e.ctx, association, s.Association(association), r, e.Now())
	if err != nil {
		return err
	}
	return c.write(e, shownRun{one})
}

type shownRun struct{ *report.Run }

func (r shownRun) text(e *env) error { return r.Run.Text(e.stdout) }

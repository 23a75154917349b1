package cli

import (
	"rollcall/internal/report"
)

type auditCommand struct {
	associationFlags
	Limit  int   `help:"How many acts at the most." default:"50"`
	Before int64 `help:"Only acts before the one of this number." placeholder:"ID"`
}

type acts struct {
	Acts []report.Act `json:"acts"`
}

func (c *auditCommand) Run(e *env) error {
	if c.Limit < 1 {
		return &usageError{"--limit is not a number of acts", "--limit 50"}
	}
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if c.Association != "" {
		if _, err := i.View(c.Association); err != nil {
			return err
		}
	}
	rows, err := i.Store.Audit(e.ctx, c.Association, c.Before, c.Limit)
	if err != nil {
		return err
	}
	all := acts{Acts: []report.Act{}}
	for _, row := range rows {
		all.Acts = append(all.Acts, report.NewAct(row))
	}
	return c.write(e, all)
}

func (a acts) text(e *env) error { return report.AuditTable(e.stdout, a.Acts) }

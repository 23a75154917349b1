package cli

import "rollcall/internal/report"

type noticesCommand struct {
	associationFlags
}

type notices struct {
	Notices []*report.Notice `json:"notices"`
}

func (c *noticesCommand) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	views, err := c.each(i)
	if err != nil {
		return err
	}
	all := notices{Notices: []*report.Notice{}}
	for _, v := range views {
		some, err := v.Store.Notices(e.ctx)
		if err != nil {
			return err
		}
		for _, n := range some {
			all.Notices = append(all.Notices, report.NewNotice(v.ID, n))
		}
	}
	return c.write(e, all)
}

func (n notices) text(e *env) error { return report.NoticeTable(e.stdout, n.Notices) }

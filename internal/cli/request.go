package cli

import (
	"fmt"
	"time"

	"rollcall/internal/app"
	"rollcall/internal/report"
	"rollcall/internal/store"
)

// waitFlags are those of commands that ask the running program for something.
type waitFlags struct {
	Wait    bool          `help:"Wait until it is done and print the report."`
	Timeout time.Duration `help:"How long to wait at the most." default:"1h"`
}

// followPause is the time between two looks at a request.
const followPause = 500 * time.Millisecond

// asked is what a command says that asked the running program for something.
type asked struct {
	Request int64           `json:"request"`
	State   string          `json:"state"` // pending, or done after waiting
	Did     string          `json:"-"`     // for people
	Preview *report.Preview `json:"preview,omitempty"`
	Run     *report.Run     `json:"run,omitempty"`
	Answer  *store.Answer   `json:"answer,omitempty"`
}

func (a asked) text(e *env) error {
	if a.State == "pending" {
		_, err := fmt.Fprintf(e.stdout, "%s (request %d). The running rollcall takes it up.\n", a.Did, a.Request)
		return err
	}
	if a.Run != nil {
		return a.Run.Text(e.stdout)
	}
	_, err := fmt.Fprintf(e.stdout, "Done (request %d).\n", a.Request)
	return err
}

// follow waits until a request has ended, if that is wanted, and reports.
func (w waitFlags) follow(e *env, f inspectFlags, i *app.Inspector, a asked) error {
	a.State = "pending"
	if !w.Wait {
		return f.write(e, a)
	}
	deadline := time.NewTimer(w.Timeout)
	defer deadline.Stop()
	tick := time.NewTicker(followPause)
	defer tick.Stop()
	var p *progress
	defer func() { p.end() }()
	for {
		r, err := i.Store.RequestState(e.ctx, a.Request)
		if err != nil {
			return err
		}
		if r.State == "running" && r.Answer.Run != 0 && terminal(e.stderr) {
			if p, err = goOn(e, i, p, r.Answer.Run); err != nil {
				return err
			}
		} else {
			p.end()
			p = nil
		}
		switch r.State {
		case "refused":
			detail := r.Answer.Detail
			if detail == "" {
				detail = r.Answer.Reason.Text()
			}
			return &app.RefusedError{What: fmt.Sprintf("do request %d", a.Request), Reason: r.Answer.Reason, Detail: lower(detail)}
		case "done":
			a.State, a.Answer = r.State, &r.Answer
			if a.Run, err = runOf(e, i, r.Answer.Run); err != nil {
				return err
			}
			return f.write(e, a)
		}
		select {
		case <-e.ctx.Done():
			return fmt.Errorf("wait for request %d: %w; it stays on record", a.Request, e.ctx.Err())
		case <-deadline.C:
			return &app.RefusedError{
				What: fmt.Sprintf("wait for request %d", a.Request), Detail: fmt.Sprintf("it is still %s after %s", r.State, w.Timeout),
				Try: "rollcall runs; and see whether rollcall run is running",
			}
		case <-tick.C:
		}
	}
}

// goOn shows how far a run is.
func goOn(e *env, i *app.Inspector, p *progress, run int64) (*progress, error) {
	r, err := runOf(e, i, run)
	if err != nil {
		return p, err
	}
	checked, queued := r.Totals["checked"], r.Totals["queued"]
	if p == nil {
		p = e.working("Running", queued)
	}
	p.at(checked, queued)
	return p, nil
}

// runOf is the report of the run that worked on a request, nil for none.
func runOf(e *env, i *app.Inspector, id int64) (*report.Run, error) {
	if id == 0 {
		return nil, nil
	}
	association, r, err := i.Store.RunByID(e.ctx, id)
	if err != nil {
		return nil, err
	}
	return app.ReportOf(e.ctx, association, i.Store.Association(association), r, e.Now())
}

type reconcileCommand struct {
	associationFlags
	waitFlags
}

// Run asks for a full reconciliation.
func (c *reconcileCommand) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	v, err := c.one(i)
	if err != nil {
		return err
	}
	id, err := v.Reconcile(e.ctx, e.who())
	if err != nil {
		return err
	}
	return c.follow(e, c.inspectFlags, i, asked{Request: id, Did: "Asked for a full reconciliation of association " + v.ID})
}

type allowBackCommand struct {
	associationFlags
	waitFlags
	Who  string `arg:"" help:"E-mail address or rep id."`
	List string `help:"Only this list: its key or name, or a group's id."`
}

func (c *allowBackCommand) Run(e *env) error {
	i, v, x, err := one(e, c.associationFlags, c.Who)
	if err != nil {
		return err
	}
	defer i.Close()
	id, err := v.AllowBack(e.ctx, x, c.List, e.who())
	if err != nil {
		return err
	}
	return c.follow(e, c.inspectFlags, i, asked{Request: id, Did: "Asked to allow this person back"})
}

type retryCommand struct {
	associationFlags
	waitFlags
	Who string `arg:"" help:"E-mail address or rep id."`
}

// Run asks to try an address again that Constant Contact refused.
func (c *retryCommand) Run(e *env) error {
	i, v, x, err := one(e, c.associationFlags, c.Who)
	if err != nil {
		return err
	}
	defer i.Close()
	id, err := v.Retry(e.ctx, x, e.who())
	if err != nil {
		return err
	}
	return c.follow(e, c.inspectFlags, i, asked{Request: id, Did: "Asked to try this address again"})
}

// one finds one person in one association, and says what is known. The caller
// closes the Inspector when there is no error.
func one(e *env, f associationFlags, who string) (_ *app.Inspector, _ *app.View, _ *report.Explanation, err error) {
	address, rep, err := person(who)
	if err != nil {
		return nil, nil, nil, err
	}
	i, err := f.open(e)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			i.Close()
		}
	}()
	v, err := f.one(i)
	if err != nil {
		return nil, nil, nil, err
	}
	if rep == "" {
		x, err := v.Explain(e.ctx, address)
		return i, v, x, err
	}
	all, err := v.ExplainRep(e.ctx, rep)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(all) != 1 || all[0].Address == "" {
		return nil, nil, nil, &app.RefusedError{
			What: "find address of rep " + string(rep), Detail: "it has no usable address now", Try: "the address instead of the rep id",
		}
	}
	return i, v, all[0], nil
}

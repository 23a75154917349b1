package cli

import (
	"fmt"

	"rollcall/internal/report"
)

type approvalsCommand struct {
	List    approvalsList    `cmd:"" default:"withargs" help:"List the questions."`
	Show    approvalsShow    `cmd:"" help:"Show one question with its people."`
	Approve approvalsApprove `cmd:"" help:"Say yes to a question."`
	Reject  approvalsReject  `cmd:"" help:"Say no to a question."`
}

type approvalsList struct {
	associationFlags
	All bool `help:"List answered and expired questions too."`
}

type approvals struct {
	Approvals []*report.Approval `json:"approvals"`
}

func (c *approvalsList) Run(e *env) error {
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
	rows, err := i.Store.Approvals(e.ctx, c.Association, !c.All)
	if err != nil {
		return err
	}
	all := approvals{Approvals: []*report.Approval{}}
	for _, row := range rows {
		all.Approvals = append(all.Approvals, report.NewApproval(row, nil))
	}
	return c.write(e, all)
}

func (a approvals) text(e *env) error { return report.ApprovalTable(e.stdout, a.Approvals, e.Now()) }

type approvalsShow struct {
	inspectFlags
	ID int64 `arg:"" help:"Number of the question."`
}

func (c *approvalsShow) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	row, pairs, err := i.Store.Approval(e.ctx, c.ID)
	if err != nil {
		return err
	}
	return c.write(e, shownApproval{report.NewApproval(row, pairs)})
}

type shownApproval struct{ *report.Approval }

func (a shownApproval) text(e *env) error { return a.Approval.Text(e.stdout) }

type approvalsApprove struct{ answerFlags }

func (c *approvalsApprove) Run(e *env) error { return c.answer(e, true) }

type approvalsReject struct{ answerFlags }

func (c *approvalsReject) Run(e *env) error { return c.answer(e, false) }

type answerFlags struct {
	inspectFlags
	ID int64 `arg:"" help:"Number of the question."`
}

// answer answers a question. The running program does what follows.
func (c answerFlags) answer(e *env, approve bool) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if _, _, err := i.Store.Approval(e.ctx, c.ID); err != nil {
		return err
	}
	if err := i.Store.Decide(e.ctx, c.ID, approve, e.who()); err != nil {
		return err
	}
	row, _, err := i.Store.Approval(e.ctx, c.ID)
	if err != nil {
		return err
	}
	return c.write(e, answered{report.NewApproval(row, nil)})
}

type answered struct{ *report.Approval }

func (a answered) text(e *env) error {
	_, err := fmt.Fprintf(e.stdout, "Question %d is %s. %s\n", a.ID, a.State, a.Means)
	return err
}

package cli

import (
	"fmt"

	"rollcall/internal/app"
	"rollcall/internal/report"
)

type listsCommand struct {
	List       listsList       `cmd:"" default:"withargs" help:"List the lists with their state."`
	Show       listsShow       `cmd:"" help:"Show one list, who is left behind on it, and what can be done about it."`
	Recreate   listsRecreate   `cmd:"" help:"Make a list again that was deleted in Constant Contact."`
	Bind       listsBind       `cmd:"" help:"Bind a list that is missing or ambiguous to another one of the account."`
	SwitchOff  listsSwitchOff  `cmd:"" help:"Leave a list alone that is missing or cannot be bound."`
	Foreign    listsForeign    `cmd:"" help:"Choose whether people who are not from the database stay on a list."`
	RemoveLeft listsRemoveLeft `cmd:"" help:"Take off a list who is left behind on it, after showing their names."`
}

type listsList struct{ associationFlags }

type lists struct {
	Lists []*report.List `json:"lists"`
}

func (c *listsList) Run(e *env) error {
	i, err := c.open(e)
	if err != nil {
		return err
	}
	defer i.Close()
	views, err := c.each(i)
	if err != nil {
		return err
	}
	all := lists{Lists: []*report.List{}}
	for _, v := range views {
		found, err := v.Lists(e.ctx)
		if err != nil {
			return err
		}
		for _, l := range found {
			all.Lists = append(all.Lists, report.NewList(v.ID, l.ListRow, l.Paused))
		}
	}
	return c.write(e, all)
}

func (l lists) text(e *env) error { return report.ListTable(e.stdout, l.Lists) }

// listFlags are those of commands about one list.
type listFlags struct {
	associationFlags
	Ref string `arg:"" name:"list" help:"Key or name of the list, or a group's id."`
}

// find finds the list that a command is about. The caller closes the Inspector
// when there is no error.
func (c listFlags) find(e *env) (_ *app.Inspector, _ *app.View, _ app.ListStatus, err error) {
	i, err := c.open(e)
	if err != nil {
		return nil, nil, app.ListStatus{}, err
	}
	defer func() {
		if err != nil {
			i.Close()
		}
	}()
	v, err := c.one(i)
	if err != nil {
		return nil, nil, app.ListStatus{}, err
	}
	l, err := v.FindList(e.ctx, c.Ref)
	return i, v, l, err
}

// say shows the list as it is after an act.
func (c listFlags) say(e *env, v *app.View, l app.ListStatus, did string) error {
	now, err := v.FindList(e.ctx, string(l.Key))
	if err != nil {
		now = l // made again, and its source is gone
	}
	return c.write(e, didList{report.NewList(v.ID, now.ListRow, now.Paused), did})
}

type didList struct {
	*report.List
	did string
}

func (d didList) text(e *env) error {
	_, err := fmt.Fprintln(e.stdout, d.did)
	return err
}

type listsShow struct{ listFlags }

func (c *listsShow) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	left, err := v.Leftover(e.ctx, l)
	if err != nil {
		return err
	}
	return c.write(e, shownList{leftover(v.ID, left)})
}

type shownList struct{ *report.List }

func (l shownList) text(e *env) error { return l.List.Text(e.stdout) }

func leftover(association string, l app.Leftover) *report.List {
	out := report.NewList(association, l.List.ListRow, l.List.Paused)
	out.Leftover = &report.Leftover{People: app.Named(l.People), Adoption: l.Adoption}
	return out
}

type listsRecreate struct{ listFlags }

func (c *listsRecreate) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if err := v.RecreateList(e.ctx, l.Key, e.who()); err != nil {
		return err
	}
	return c.say(e, v, l, "The list is made again. The running rollcall does it; who left the list stays off.")
}

type listsSwitchOff struct{ listFlags }

func (c *listsSwitchOff) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	if err := v.SwitchOffList(e.ctx, l.Key, e.who()); err != nil {
		return err
	}
	return c.say(e, v, l, "The list is off. It comes back with: rollcall lists recreate, or bind")
}

type listsBind struct {
	listFlags
	waitFlags
	To string `help:"Id or name of a list in Constant Contact." required:"" placeholder:"ID|NAME"`
}

func (c *listsBind) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	id, err := v.BindList(e.ctx, l.Key, c.To, e.who())
	if err != nil {
		return err
	}
	return c.follow(e, c.inspectFlags, i, asked{Request: id, Did: "Asked to bind the list"})
}

type listsForeign struct {
	listFlags
	Choice string `arg:"" enum:"keep,remove" help:"keep or remove."`
}

func (c *listsForeign) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	keep := c.Choice == "keep"
	if err := v.SetForeign(e.ctx, l.Key, keep, e.who()); err != nil {
		return err
	}
	did := "Foreign people stay on the list."
	if !keep {
		did = "Foreign people go with the next nightly run; above the thresholds that is asked about first."
	}
	return c.say(e, v, l, did)
}

type listsRemoveLeft struct {
	listFlags
	Yes bool `help:"Approve exactly the removals that are shown, without asking." short:"y"`
}

func (c *listsRemoveLeft) Run(e *env) error {
	i, v, l, err := c.find(e)
	if err != nil {
		return err
	}
	defer i.Close()
	left, err := v.Leftover(e.ctx, l)
	if err != nil {
		return err
	}
	shown := leftover(v.ID, left)
	if !c.JSON {
		if err := shown.Text(e.stdout); err != nil {
			return err
		}
	}
	if len(left.People) > 0 && !c.Yes {
		if err := agree(e, c.JSON, fmt.Sprintf("Take %d off the list?", len(left.People))); err != nil {
			return err
		}
	}
	if err := v.RemoveLeftover(e.ctx, left, e.who()); err != nil {
		return err
	}
	return c.write(e, didList{shown, "They are taken off. The running rollcall does it."})
}

package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"rollcall/mapper"
)

// optionsOffice knows what an association chose.
type optionsOffice interface {
	// Choices are the options with what follows from them.
	Choices(ctx context.Context, association string) (Choices, error)
	// CheckChoices says what is wrong with options, as a *Problem.
	CheckChoices(o mapper.Options) error
	// SetChoices changes the options in the member database.
	SetChoices(ctx context.Context, association string, o mapper.Options, by string) error
}

// Choices are an association's options with what follows from them.
type Choices struct {
	Options mapper.Options
	CanSet  bool
	NextRun *time.Time // of the night; nil: none is planned
	Window  [2]string  // that holds, HH:MM
	Zone    string     // that holds
	Finding string     // why the window cannot be read, or empty
}

// optionsPage shows the options.
type optionsPage struct {
	Choices
	NextRun   moment
	Save      string
	Zones     []string
	MayChange bool
}

// zones are what the page offers; any IANA name may be entered.
var zones = []string{
	"America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
	"America/Halifax", "America/Toronto", "America/Winnipeg", "America/Edmonton", "America/Vancouver", "Europe/London", "Europe/Berlin",
	"Australia/Sydney", "Pacific/Auckland",
}

func (c *Console) options(q *request) error {
	choices, err := c.Office.Choices(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	return c.render(q, "options", "Options", optionsPage{
		Choices: choices, NextRun: q.momentOf(choices.NextRun), Save: q.to("options"), Zones: zones, MayChange: choices.CanSet && q.user.Role >= Admin,
	})
}

// choose takes new options. What is switched on is shown with numbers and names
// before it is saved.
func (c *Console) choose(q *request) error {
	before, err := c.Office.Choices(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	o := mapper.Options{
		NewsletterSolution: strings.TrimSpace(q.PostFormValue("newsletter_solution")),
		SyncAllActive:      q.PostFormValue("sync_all_active") == "on", SyncMembershipTypes: q.PostFormValue("sync_membership_types") == "on",
		SyncGroups:  q.PostFormValue("sync_groups") == "on",
		WindowStart: q.PostFormValue("window_start"), WindowEnd: q.PostFormValue("window_end"), TimeZone: strings.TrimSpace(q.PostFormValue("time_zone")),
	}
	if err := c.Office.CheckChoices(o); err != nil {
		return err
	}
	if on := switchedOn(before.Options, o); len(on) > 0 && q.PostFormValue("seen") != "yes" {
		return c.previewChoices(q, o, on)
	}
	if err := c.Office.SetChoices(q.Context(), q.association.ID, o, q.user.Name); err != nil {
		return err
	}
	return q.redirect(q.to("options"), "options")
}

// switchedOn are the kinds of list that are on by the new options and were not.
func switchedOn(before, after mapper.Options) []mapper.ListKind {
	was, is := mapper.IsConstantContact(before.NewsletterSolution), mapper.IsConstantContact(after.NewsletterSolution)
	var on []mapper.ListKind
	for _, k := range []struct {
		kind          mapper.ListKind
		before, after bool
	}{
		{mapper.ListAllActive, before.SyncAllActive, after.SyncAllActive},
		{mapper.ListType, before.SyncMembershipTypes, after.SyncMembershipTypes},
		{mapper.ListGroup, before.SyncGroups, after.SyncGroups},
	} {
		if is && k.after && !(was && k.before) {
			on = append(on, k.kind)
		}
	}
	return on
}

// choicesPage shows what switching options on would do.
type choicesPage struct {
	Options   mapper.Options
	Lists     []choiceRow
	Adds      int
	CountedAt moment
	Save      string
	Back      string
}

type choiceRow struct {
	listRow
	Adds   int
	People string // the path of those who are expected
}

func (c *Console) previewChoices(q *request, o mapper.Options, on []mapper.ListKind) error {
	lists, err := c.Office.Lists(q.Context(), q.association.ID)
	if err != nil {
		return err
	}
	if lists.CountedAt == nil {
		return &Problem{
			Status: http.StatusConflict, What: "Nobody has been counted yet.", Detail: "So nobody can say who would be added.", Try: "Again in a minute; rollcall run has to be running.",
		}
	}
	p := choicesPage{Options: o, CountedAt: q.momentOf(lists.CountedAt), Save: q.to("options"), Back: q.to("options")}
	for _, l := range append(lists.Others, lists.Groups...) {
		for _, kind := range on {
			if l.Kind != kind || kind == mapper.ListGroup && !l.Ticked {
				continue
			}
			row := choiceRow{listRow: q.listRow(l), Adds: max(l.Counts.Expected-l.Counts.ExpectedOn, 0), People: q.to("groups", string(l.Key), "people", "to_add")}
			p.Adds += row.Adds
			p.Lists = append(p.Lists, row)
		}
	}
	return c.render(q, "choices", "What would change", p)
}

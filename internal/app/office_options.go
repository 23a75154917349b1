package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rollcall/internal/console"
	"rollcall/internal/reconcile"
	"rollcall/internal/source"
	"rollcall/internal/store"
	"rollcall/mapper"
)

// Choices reads what an association chose; see console.Office.
func (o *office) Choices(ctx context.Context, association string) (console.Choices, error) {
	v, err := o.View(association)
	if err != nil {
		return console.Choices{}, err
	}
	var c console.Choices
	if c.Options, err = o.options(ctx, association); err != nil {
		return c, err
	}
	if c.CanSet, err = o.source.CanSet(ctx); err != nil {
		return c, err
	}
	if hours, err := reconcile.HoursOf(c.Options); err != nil {
		c.Finding = sentence(strings.TrimPrefix(err.Error(), "read nightly window: "))
	} else {
		c.Window = hours.Text()
	}
	c.Zone = reconcile.ZoneOf(c.Options).String()
	agenda, err := v.Store.Agenda(ctx)
	if err != nil {
		return c, err
	}
	on := c.Options.SyncAllActive || c.Options.SyncMembershipTypes || c.Options.SyncGroups
	if due, planned := agenda.Due[reconcile.DueNightly]; planned && on && c.Finding == "" && mapper.IsConstantContact(c.Options.NewsletterSolution) {
		c.NextRun = &due.At
	}
	return c, nil
}

// CheckChoices says what is wrong with options; see console.Office.
func (o *office) CheckChoices(options mapper.Options) error {
	bad := func(detail, try string) error {
		return &console.Problem{Status: http.StatusBadRequest, What: "These options cannot be saved.", Detail: detail, Try: try}
	}
	if cmp.Or(options.NewsletterSolution, " ") == " " {
		return bad("The newsletter solution is empty.", "Write ConstantContact, or the name of what the association uses instead.")
	}
	if options.WindowStart == "" || options.WindowEnd == "" || options.TimeZone == "" {
		return bad("The nightly window needs a beginning, an end and a time zone.", "Two times such as 01:00 and 04:00, and a zone such as America/Chicago.")
	}
	if _, err := reconcile.HoursOf(options); err != nil {
		return bad(sentence(strings.ReplaceAll(strings.TrimPrefix(err.Error(), "read nightly window: "), " in rollcall.options", "")), "Two different times such as 01:00 and 04:00, and a zone such as America/Chicago.")
	}
	return nil
}

// SetChoices changes the options in the member database; see console.Office.
func (o *office) SetChoices(ctx context.Context, association string, options mapper.Options, by string) error {
	v, err := o.View(association)
	if err != nil {
		return err
	}
	if err := setProblem(o.source.SetOptions(ctx, association, options)); err != nil {
		return err
	}
	return v.Store.Record(ctx, by, store.Act{What: store.ActOptions, Detail: fmt.Sprintf(
		"newsletter solution is Constant Contact: %t, everybody: %t, types: %t, groups: %t, window %s to %s, %s", mapper.IsConstantContact(options.NewsletterSolution),
		options.SyncAllActive, options.SyncMembershipTypes, options.SyncGroups, options.WindowStart, options.WindowEnd, options.TimeZone)})
}

// setProblem makes what the member database refuses a problem of a page.
func setProblem(err error) error {
	var refused *source.RefusedValueError
	switch {
	case errors.Is(err, source.ErrCannotSet):
		return &console.Problem{
			Status: http.StatusConflict, What: "This cannot be changed here.", Detail: "The member database does not let Rollcall change ticks and options.",
			Try: "Change them in the member software.",
		}
	case errors.As(err, &refused):
		return &console.Problem{
			Status: http.StatusConflict, What: "The member database refused this.", Detail: "Its answer was " + refused.SQLState + ". Nothing was changed.",
			Try: "Load the page again: somebody may have changed it meanwhile.",
		}
	}
	return err
}

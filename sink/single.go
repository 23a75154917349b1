package sink

import (
	"context"
	"errors"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// single reports whether the call is about one person and has no activity: its
// reply says how it ended.
func (k CallKind) single() bool { return k == CallCreate || k == CallFields }

// Writes reports whether the call writes the people it names, which the vendor
// takes for abuse when it happens too often; changes of lists do not count.
func (k CallKind) Writes() bool { return k == CallImport || k.single() }

// sendSingle makes or tells one contact. When the address turns out to have a
// contact already, or one that cannot be told anything, the person is read back
// like after any call that did not do all it should. refused is as in send.
func (a *Applier) sendSingle(ctx context.Context, id int64, c *Call) (refused, err error) {
	clean, err := a.requestSingle(ctx, c)
	if err != nil {
		if refusesData(c, err) {
			return err, nil
		}
		return nil, a.failed(ctx, id, c, err)
	}
	a.Log.Info("sent call", "activity", id, "kind", string(c.Kind), "clean", clean, "lists", len(c.ListIDs))
	return nil, a.settleSingle(ctx, id, c, Outcome{State: constantcontact.StateCompleted, Completed: true, Clean: clean})
}

// settleSingle records the end of a call about one person, who is read back unless it
// did all it should.
func (a *Applier) settleSingle(ctx context.Context, id int64, c *Call, o Outcome) error {
	if !o.Clean {
		s, err := a.readOne(ctx, c.Addresses[0])
		if err != nil {
			return errors.Join(err, a.Ledger.Doubt(ctx, id))
		}
		o.Shown = map[mapper.Address]Shown{c.Addresses[0]: s}
	}
	return a.Ledger.Settle(ctx, id, o)
}

func (a *Applier) requestSingle(ctx context.Context, c *Call) (clean bool, err error) {
	row := c.Rows[0]
	street := constantcontact.Street{Street: row.Street, City: row.City, State: row.State, PostalCode: row.Zip, Country: row.Country}
	if c.Kind == CallCreate {
		made, err := a.API.CreateContact(ctx, constantcontact.NewContact{
			Address: row.Email, FirstName: row.FirstName, LastName: row.LastName, JobTitle: row.JobTitle, CompanyName: row.CompanyName,
			Phone: row.Phone, Street: street, Custom: a.customByID(row), ListIDs: c.ListIDs,
		})
		return err == nil && !made.Existed && made.State == constantcontact.StateActive, err
	}
	var change constantcontact.ContactChange
	for _, text := range []struct {
		to   **string
		from string
	}{
		{&change.FirstName, row.FirstName},
		{&change.LastName, row.LastName},
		{&change.JobTitle, row.JobTitle},
		{&change.CompanyName, row.CompanyName},
		{&change.Phone, row.Phone},
	} {
		if text.from != "" { // an empty value never blanks
			*text.to = &text.from
		}
	}
	if street != (constantcontact.Street{}) {
		change.Street = &street
	}
	change.Custom = a.customByID(row)
	_, err = a.API.PutContact(ctx, c.IDs[0], change)
	if _, state := errors.AsType[*constantcontact.StateError](err); state {
		return false, nil
	}
	return err == nil, err
}

package sink

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// customByLabel are the values of a person's custom fields, by label: what the
// account calls them is found out when the row is sent. An empty value says
// nothing.
func customByLabel(f mapper.Fields) map[string]string {
	var values map[string]string
	for _, c := range f.Custom {
		if c.Value == "" {
			continue
		}
		if values == nil {
			values = map[string]string{}
		}
		values[c.Label] = c.Value
	}
	return values
}

// customByID are the same for a request about one contact, in the order of names.
func (a *Applier) customByID(row constantcontact.ImportRow) []constantcontact.CustomValue {
	var values []constantcontact.CustomValue
	for _, f := range a.fields {
		if value := row.Custom[f.Name]; value != "" && f.Name != "" {
			values = append(values, constantcontact.CustomValue{FieldID: f.ID, Value: value})
		}
	}
	slices.SortFunc(values, func(a, b constantcontact.CustomValue) int { return strings.Compare(a.FieldID, b.FieldID) })
	return values
}

// labelKey is what labels are compared by.
func labelKey(label string) string { return strings.ToLower(strings.TrimSpace(label)) }

// nameFields gives the values of custom fields in a call's rows the names that
// the account has for their labels. The names are read once for each batch,
// because an import ignores a name that is gone; a field that is missing is made.
// Values of one that cannot be made are left out, and what is recorded as told
// does not have custom fields then, so that they are told later.
func (a *Applier) nameFields(ctx context.Context, c *Call) error {
	labels := map[string]bool{}
	for _, row := range c.Rows {
		for label := range row.Custom {
			labels[label] = true
		}
	}
	if len(labels) == 0 {
		return nil
	}
	if a.fields == nil {
		all, err := a.API.CustomFields(ctx)
		if err != nil {
			return fmt.Errorf("read custom fields: %w", err)
		}
		a.fields = make(map[string]constantcontact.CustomField, len(all))
		for _, f := range all {
			a.fields[labelKey(f.Label)] = f
		}
	}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if _, known := a.fields[labelKey(label)]; known {
			continue
		}
		made, err := a.makeField(ctx, label)
		if err != nil {
			return err
		}
		a.fields[labelKey(label)] = made
	}
	a.rename(c)
	return nil
}

// makeField makes a custom field. One that Constant Contact refuses comes back
// without a name: there is no room for it, or it was made by somebody just now.
func (a *Applier) makeField(ctx context.Context, label string) (constantcontact.CustomField, error) {
	made, err := a.API.CreateCustomField(ctx, label)
	switch class := constantcontact.Classify(err); {
	case err == nil:
		a.Log.Info("made custom field", "label", label, "name", made.Name)
	case class == constantcontact.Reject || class == constantcontact.Conflict:
		a.Log.Warn("custom field cannot be made: its values are not told", "label", label, "err", err)
		return constantcontact.CustomField{}, nil
	default:
		return made, fmt.Errorf("make custom field: %w", err)
	}
	return made, nil
}

// rename replaces labels by names in the rows of a call.
func (a *Applier) rename(c *Call) {
	c.Rows = slices.Clone(c.Rows)
	for i, row := range c.Rows {
		values, whole := make(map[string]string, len(row.Custom)), true
		for label, value := range row.Custom {
			if name := a.fields[labelKey(label)].Name; name != "" {
				values[name] = value
			} else {
				whole = false
			}
		}
		c.Rows[i].Custom = values
		for j := range c.Intents {
			if !whole && c.Intents[j].Address == c.Addresses[i] {
				c.Intents[j].Fields = mapper.WithoutCustom(c.Intents[j].Fields)
			}
		}
	}
}

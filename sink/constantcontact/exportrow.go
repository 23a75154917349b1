package constantcontact

import (
	"log/slog"
	"strings"
	"time"
)

// ExportRow is one contact of an export. It is evidence of what is in it, never
// of what is not: what the vendor writes into a column is not documented.
type ExportRow struct {
	columns map[Column]int
	record  []string
}

// LogValue prints no member data.
func (r ExportRow) LogValue() slog.Value { return slog.StringValue("[export row]") }

// Text is the text of a column; empty where the file does not have it.
func (r ExportRow) Text(column Column) string {
	if i, has := r.columns[column]; has {
		return r.record[i]
	}
	return ""
}

// Address is the address in the form that the API stores.
func (r ExportRow) Address() string { return normal(r.Text(ColumnAddress)) }

// State is the state of the contact, as far as the words are known; otherwise
// StateNotSet. It never says deleted. The permission of somebody who unsubscribed may
// be that of before: the other columns must not speak against it.
func (r ExportRow) State() ContactState {
	switch headerName(r.Text(ColumnPermission)) {
	case "implicit", "implied", "explicit", "express":
		status := headerName(r.Text(columnStatus))
		if status != "" && status != "active" || strings.TrimSpace(r.Text(ColumnOptOutAt)) != "" {
			return StateNotSet
		}
		return StateActive
	case "unsubscribed":
		return StateUnsubscribed
	case "temp_hold":
		return StateTempHold
	case "pending_confirmation":
		return StatePending
	}
	return StateNotSet
}

// Time is the time in a column; zero where there is none that can be read.
func (r ExportRow) Time(column Column) time.Time {
	for _, form := range timeForms {
		if at, err := time.Parse(form, r.Text(column)); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}

// Lists are the lists that the contact is on, of those known by name. The file
// joins names by commas, which names may have as well: sure says that there was
// exactly one way to take the text apart. Without it nothing is known.
func (r ExportRow) Lists(known map[string]bool) (names []string, sure bool) {
	text := r.Text(ColumnLists)
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	parts := strings.Split(text, ",")
	// ways[i] is in how many ways the parts from i on make names, up to two.
	ways := make([]int, len(parts)+1)
	ends := make([]int, len(parts))
	ways[len(parts)] = 1
	for i := len(parts) - 1; i >= 0; i-- {
		for end := i + 1; end <= len(parts); end++ {
			if ways[end] > 0 && known[strings.TrimSpace(strings.Join(parts[i:end], ","))] {
				ways[i] = min(ways[i]+ways[end], 2)
				ends[i] = end
			}
		}
	}
	if ways[0] != 1 {
		return nil, false
	}
	for i := 0; i < len(parts); i = ends[i] {
		names = append(names, strings.TrimSpace(strings.Join(parts[i:ends[i]], ",")))
	}
	return names, true
}

package constantcontact

import (
	"fmt"
	"unicode/utf8"
)

// The vendor's limits. Lengths are in characters.
const (
	// MaxImportRows and MaxImportBytes bound one import. What is beyond the
	// bytes is dropped by the API without a word.
	MaxImportRows  = 40_000
	MaxImportBytes = 4_000_000
	// MaxImportLists and MaxMembershipLists bound the lists of one call.
	MaxImportLists     = 50
	MaxMembershipLists = 50
	// MaxMembershipIDs bounds the contacts of one list change.
	MaxMembershipIDs = 500
	// MaxQueryLists bounds the lists of one ContactQuery.
	MaxQueryLists = 25
	// MaxImportAddress is the documented length of an address in an import;
	// MaxAddress that of a contact.
	MaxImportAddress = 50
	MaxAddress       = 80
	// MaxField bounds names, company and job title, and the parts of a street
	// address but the street.
	MaxField = 50
	// MaxPhone bounds the telephone number of a contact, MaxImportPhone that of
	// an import. MaxStreet bounds the street of either.
	MaxPhone       = 25
	MaxImportPhone = 50
	MaxStreet      = 255
	// MaxPhones and MaxStreets bound what a contact has of them.
	MaxPhones  = 3
	MaxStreets = 3
	// MaxCustomFields bounds the custom fields of an account, MaxContactFields
	// those with a value of a contact.
	MaxCustomFields  = 100
	MaxContactFields = 25
	MaxFieldLabel    = 50
	MaxFieldValue    = 255
	// MaxContactLists bounds the lists that a contact is on.
	MaxContactLists = 50
	// MaxExportLists and MaxExportIDs bound what an export selects.
	MaxExportLists = 50
	MaxExportIDs   = 500
	// MaxListName and MaxListDescription bound a list's texts.
	MaxListName        = 255
	MaxListDescription = 255

	maxID = 255 // far above a UUID; a longer one is no id
)

// LimitError says that a request breaks a limit. It was not sent.
type LimitError struct {
	Operation string
	What      string // what there is too much or too little of, such as "email"
	Got, Max  int
	Row       int // index of the row at fault, -1 when it is the whole request
}

// Error names the limit and the row, never the row's content.
func (e *LimitError) Error() string {
	where := e.Operation + ": "
	if e.Row >= 0 {
		where += fmt.Sprintf("row %d: ", e.Row)
	}
	if e.Got == 0 {
		return where + e.What + " is empty"
	}
	return fmt.Sprintf("%s%s is %d, over the limit of %d", where, e.What, e.Got, e.Max)
}

// limit is one thing to check: it must be at least min and at most max.
type limit struct {
	what          string
	got, min, max int
}

func within(operation string, row int, limits ...limit) error {
	for _, l := range limits {
		if l.got < l.min || l.got > l.max {
			return &LimitError{Operation: operation, What: l.what, Got: l.got, Max: l.max, Row: row}
		}
	}
	return nil
}

func length(s string) int { return utf8.RuneCountInString(s) }

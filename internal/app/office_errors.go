package app

import (
	"errors"
	"net/http"
	"strings"

	"rollcall/internal/console"
	"rollcall/internal/store"
)

// problemOf makes what the functions refuse a problem of a page. What is not
// refused stays as it is.
func problemOf(err error) error {
	var refused *RefusedError
	var nobody *NobodyError
	switch {
	case errors.As(err, &refused):
		p := &console.Problem{Status: http.StatusConflict, What: "This is not possible now.", Detail: sentence(refused.Detail)}
		if !strings.HasPrefix(refused.Try, "rollcall ") { // that is for the command line
			p.Try = sentence(refused.Try)
		}
		return p
	case errors.As(err, &nobody):
		return &console.Problem{
			Status: http.StatusNotFound, What: "Nobody is known by that.", Detail: "Neither the member database nor Rollcall's own records have it.",
			Try: "Another spelling, the rep id of the member database, or the beginning of the last name.",
		}
	case errors.Is(err, store.ErrNotWaiting):
		return &console.Problem{Status: http.StatusConflict, What: "This question does not wait for an answer any more.", Detail: "It was answered, has expired, or is not asked any more.", Try: "See Approvals for what waits."}
	case errors.Is(err, store.ErrNoApproval), errors.Is(err, store.ErrNoRun):
		return &console.Problem{Status: http.StatusNotFound, What: "There is no such page.", Try: "Use the links at the top."}
	}
	return err
}

// sentence makes a part of an error one.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.TrimSuffix(strings.ToUpper(text[:1])+text[1:], ".") + "."
}

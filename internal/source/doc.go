// Package source reads the contract views (schema rollcall) of a member
// database, everything of one question at one snapshot.
//
// What it cannot read is "no information", never "nobody": a row with a NULL
// flag and a rep that stands in the view twice come back marked unreadable,
// and a failing query is an error for the whole question.
package source

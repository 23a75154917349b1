// Package store keeps Rollcall's own state in Postgres (schema
// rollcall_state): what was touched, which addresses are to be planned again,
// what Constant Contact was told and what it showed.
//
// Every method is one transaction. The clock is the caller's: no statement
// here asks the server for the time.
package store

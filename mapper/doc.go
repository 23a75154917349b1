// Package mapper decides, and only decides: given what the member database
// says, what Constant Contact was told and what it last showed, it says who
// belongs on which list, why, and which operations close the difference.
//
// The package is pure. It has no clock, does no I/O and holds no SQL, so that
// the running system, a preview and a test all get the same answer from the
// same facts. The rules are those of docs/semantics.md.
package mapper

// Package cases holds docs/semantics.md, what Rollcall does in every case, to
// docs/cases.md, which names the tests that prove each, and both to the tree.
// It has tests only.
package cases

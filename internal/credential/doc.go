// Package credential keeps the tokens of associations' Constant Contact accounts,
// and refreshes them: once for all processes, on record before they are used, and
// never again after Constant Contact has ended them. DESIGN.md has the steps of a
// refresh and what a crash at each of them leads to.
//
// No error of this package and no line that it logs contains a token.
package credential

// Package lease lets one process at a time do what must not be done twice at
// once, such as calling Constant Contact with an API key. DESIGN.md has the
// protocol and why it is safe.
package lease

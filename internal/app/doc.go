// Package app builds the parts of Rollcall and owns its goroutines. It reads
// from top to bottom like the data flows: the stream of changes, the touched
// keys, the dirty addresses, the calls.
package app

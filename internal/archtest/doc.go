// Package archtest holds the house rules as tests: who may import whom, and what
// no file may hold. The rules read the tree with go/parser instead of asking the
// go command, whose answers the test cache would keep after the tree has changed.
package archtest

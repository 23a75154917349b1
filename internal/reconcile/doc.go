// Package reconcile does what is due by the clock and what was asked for: it
// reads what Constant Contact shows, folds it into the state, and queues the
// addresses that are to be planned. It sends nobody anywhere itself; what is
// sent follows from the queue, as it does for every other change.
//
// The files read in this order: turn.go says what is due, window.go when a
// night is, nightly.go and sync.go what a run does, pull.go, lists.go and
// look.go how an account is read, allow.go and retention.go the rest.
package reconcile

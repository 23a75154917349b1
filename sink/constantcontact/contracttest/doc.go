// Package contracttest holds requests and answers of Constant Contact's API
// against what the vendor documents, written down here by hand.
//
// The client's tests hold every request to it and the simulator's tests every
// answer, so that the two cannot agree on something that the vendor does not do.
// Of requests it allows only what a membership sync may send: it has no sign-up
// form, no deletion and no PUT with list memberships.
//
// A problem names the place and the rule, never the value: values are people.
package contracttest

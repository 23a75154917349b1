// Package probe finds out of a real account what Constant Contact's documents
// leave open: which positions of the simulator's switches are those of the
// service. It works on a list, contacts and a custom field that it makes, and
// reads the rest.
//
// It mails nobody, never calls the sign-up form, and changes nothing that it did
// not make. Contacts are never deleted, so those that it made stay, on no list.
// What cannot be found out within these bounds it says of itself.
package probe

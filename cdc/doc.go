// Package cdc follows a Postgres logical replication stream and yields which
// watched keys committed transactions touched.
//
// Only keys are taken from the stream; what is true of a key is read from the
// database later. The slot is acknowledged up to a position only after
// everything before it is durable in a Store. DESIGN.md has the guarantees and
// the traps.
package cdc

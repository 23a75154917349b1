// Package console is the web console: what the staff of an association and the
// operators see of Rollcall, and what they ask it to do. Pages are made on the
// server; without JavaScript all of them work. DESIGN.md says how to add one.
package console

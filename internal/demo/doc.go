// Package demo shows Rollcall at work: a chamber of commerce on a Postgres of
// its own, a simulated Constant Contact, the first sync, and a day of office
// work of which every outcome is checked against what the script expects.
package demo

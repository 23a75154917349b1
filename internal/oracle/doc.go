// Package oracle is a second, naive reading of docs/semantics.md, in test code
// only: it shares no rule with the packages that it judges. Random operations
// go to a real database and to the simulator; after every step what was sent
// must be what the rules say, and when nothing is left to do the lists must be.
//
// DESIGN.md says how the two readings are compared. The folder mutants holds
// the program that spoils one rule at a time and asks whether anybody noticed.
package oracle

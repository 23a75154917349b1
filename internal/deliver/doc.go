// Package deliver takes dirty addresses to Constant Contact: it reads what the
// database says of them at one snapshot, has the mapper plan, reads what
// Constant Contact shows of everybody who would be added, plans again, and
// hands the calls to the sink.
//
// Dirty addresses are the only queue. What a batch does not finish is still
// dirty afterwards.
package deliver

// Package sink brings Constant Contact to what a plan says, in few and large
// calls: it binds lists, reads what Constant Contact shows of people before
// anybody is added, plans the calls, sends them and follows the activities to
// their end.
//
// Nothing counts as done until Constant Contact confirmed it, and nothing is
// sent before its intent is on record.
package sink

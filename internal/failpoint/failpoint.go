// Package failpoint lets tests end the program at a chosen step.
//
// A program that is built with the tag failpoint kills itself, as kill -9 does, at
// the point that the environment names: ROLLCALL_FAILPOINT=NAME:NTH, the NTH time
// that it comes there. In every other program Hit is empty, and nothing of this
// package is left.
package failpoint

// Point names a step. What is done there is in docs/reliability.md.
type Point string

// The reader or the mover: from the stream to the acknowledgement of the slot, or
// from the log of triggers to its emptying.
const (
	SlotMade     Point = "slot_made"     // the slot was made, nothing is touched yet
	AllTouched   Point = "all_touched"   // everything is touched, reading has not begun
	KeysReceived Point = "keys_received" // a batch was read, nothing of it is stored
	KeysStoring  Point = "keys_storing"  // it is stored with its position, before the commit
	KeysStored   Point = "keys_stored"   // after the commit, the slot is not acknowledged or the log of triggers not emptied
)

// The widener: from touched keys to dirty addresses.
const (
	KeysRead     Point = "keys_read"     // touched keys were looked up at one snapshot
	KeysWidening Point = "keys_widening" // addresses are dirty and the keys deleted, before the commit
	KeysWidened  Point = "keys_widened"  // after the commit
)

// The planner: from dirty addresses to calls.
const (
	ChangesRecording Point = "changes_recording" // addresses and e-mail changes, before the commit
	ChangesRecorded  Point = "changes_recorded"  // after the commit
	ListBegun        Point = "list_begun"        // that a list will be made is on record, nothing was asked for
	ListMade         Point = "list_made"         // Constant Contact has a list that is not on record
	ListRecorded     Point = "list_recorded"     // the list is on record, nobody is on it
	PeopleRead       Point = "people_read"       // people were read, what was shown is not on record
	PeopleRecorded   Point = "people_recorded"   // it is on record, nothing is planned on it
	Planned          Point = "batch_planned"     // a batch is planned, nothing of that is on record
	PlanRecorded     Point = "plan_recorded"     // whoever needs no call has left the queue, no call is on record
)

// The sender: from a call's intent to its confirmation.
const (
	CallRecording   Point = "call_recording"   // a call's intent, before the commit
	CallRecorded    Point = "call_recorded"    // after the commit, the request was not sent
	CallAnswered    Point = "call_answered"    // the reply with the activity has come, it is not on record
	CallSent        Point = "call_sent"        // the activity is on record
	CallEnded       Point = "call_ended"       // the call has ended, that is not on record
	CallSettling    Point = "call_settling"    // its outcome, before the commit
	CallSettled     Point = "call_settled"     // after the commit
	CallRefused     Point = "call_refused"     // the reply said no, that is not on record
	RefusalRecorded Point = "refusal_recorded" // its people are queued again
	CallDoubted     Point = "call_doubted"     // the reply was lost, that is not on record
	DoubtRecorded   Point = "doubt_recorded"   // it is on record that nobody knows
	MoveAnswered    Point = "move_answered"    // a contact has its new address, that is not on record
	MoveRecorded    Point = "move_recorded"    // it is on record
)

// What is done beside the changes.
const (
	RunRecorded     Point = "run_recorded"     // a run has begun
	PageRead        Point = "page_read"        // a page of the account was read, it is not on record
	PeopleSifted    Point = "people_sifted"    // some of everybody were looked at for work, nobody is queued for it
	LookRecorded    Point = "look_recorded"    // the first look at lists that existed has ended
	RunEnded        Point = "run_end_recorded" // a run has ended
	RequestRecorded Point = "request_recorded" // how far a request is, such as sync now
)

// Tokens and leases.
const (
	RefreshBegun    Point = "refresh_begun"    // the tokens are locked, nobody was asked for new ones
	RefreshAnswered Point = "refresh_answered" // the new tokens exist in memory only
	RefreshSaved    Point = "refresh_saved"    // they are on record, not used yet
	LeaseTaken      Point = "lease_taken"      // a lease is ours, its work has not begun
	LeaseReleasing  Point = "lease_releasing"  // work has ended, the lease is not given back
)

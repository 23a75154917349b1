package sink

import (
	"context"
	"time"

	"rollcall/mapper"
	"rollcall/sink/constantcontact"
)

// BoundList is a list of ours with its Constant Contact list.
type BoundList struct {
	Key     mapper.ListKey
	Kind    mapper.ListKind
	Ref     string
	Name    string // as bound
	ListID  string
	State   mapper.ListState
	Existed bool // was there before us
	// Looked: the first look at a list that existed has been taken.
	Looked      bool
	KeepForeign bool   // see mapper.List
	SourceName  string // the name that the database had when the list was bound or last renamed
	TypeID      string // of a membership type, where the database gives ids
}

// CallKind is the kind of a call that changes people.
type CallKind string

// The kinds of call; each is an asynchronous activity of Constant Contact.
const (
	CallImport CallKind = "import"
	CallAdd    CallKind = "add"
	CallRemove CallKind = "remove"
	// CallMove gives a contact another address. It has no activity: its reply
	// says how it ended.
	CallMove CallKind = "move"
	// CallCreate makes the contact of Rows on the lists, and CallFields tells the
	// contact of IDs what Rows says: one person each, without an activity. They
	// are for addresses that an import does not take and for few people.
	CallCreate CallKind = "create"
	CallFields CallKind = "fields"
)

// The ops of intents that change no pair.
const (
	OpFields = "fields" // only tells fields
	OpMove   = "move"   // gives the contact of another address this one
)

// Intent is what a call does to one pair; List is empty when it only tells
// fields.
type Intent struct {
	List    mapper.ListKey
	Address mapper.Address
	Op      string // add, remove, fields or move
	Reason  mapper.Reason
	Rep     mapper.RepID
	Fields  string         // fingerprint of the fields told, empty when none
	From    mapper.Address // of a move
	Run     int64          // the run that asked for it, 0 for the stream
	// Approved by a person: counts against no threshold.
	Approved bool
	OptOut   bool
	Exact    bool // a removal that only an exact list asks for
	// Again marks a removal that overtakes another call about the address: it
	// is sent once more when that has ended.
	Again bool
}

// Call is one request to Constant Contact that changes people.
type Call struct {
	Kind      CallKind
	ListIDs   []string
	Addresses []mapper.Address            // whom it names, in the order of Rows or IDs
	Rows      []constantcontact.ImportRow // CallImport
	IDs       []string                    // contact ids of CallAdd and CallRemove
	Intents   []Intent
	OptOut    bool // removals that wait for nothing
	// Round is when the call is sent: when all calls of earlier rounds have
	// ended.
	Round int
	// Spare is of how many imports more than planned everybody on an import may be
	// today.
	Spare int
}

// People is how many people the call names.
func (c *Call) People() int { return len(c.Addresses) }

// OpenActivity is a call on record whose end is not known.
type OpenActivity struct {
	ID         int64
	Kind       CallKind
	ActivityID string // empty while the reply to the request is not known
	People     int
	Lists      int
	CreatedAt  time.Time
	ContactID  string // of a move
}

// Outcome is how a call ended.
type Outcome struct {
	State string // Constant Contact's word, or "lost" when no trace of the call was found
	// Completed: Constant Contact worked through it, so whoever is missing
	// afterwards was refused.
	Completed bool
	// Clean: the counters account for every person, so no read-back was made.
	Clean    bool
	Counters map[string]int
	// Shown is the read-back of every address of the call, when not clean.
	Shown map[mapper.Address]Shown
}

// Shown is what Constant Contact shows of one address.
type Shown struct {
	State  mapper.ContactState
	ID     string
	Lists  map[string]bool // list ids; nil: not told, see OptedOut
	ReadAt time.Time
}

// Done names an address whose whole difference is on record, at the version of
// the queue that the plan read.
type Done struct {
	Address mapper.Address
	Version int64
}

// NotDone reports whether a call that was rejected for that reason was not looked at:
// it came too early, or while nobody could be served. One that was refused for its
// content may be an attempt in the vendor's count.
func NotDone(why string) bool {
	switch constantcontact.Class(why) {
	case constantcontact.Retry, constantcontact.Throttle, constantcontact.Quota, constantcontact.Reconnect:
		return true
	}
	return false
}

// Ledger is the durable record that the sink needs.
type Ledger interface {
	// SaveList records a list's binding.
	SaveList(ctx context.Context, l BoundList) error
	// FollowType gives a membership type's list, with all that is known of it,
	// the key of the type's new name.
	FollowType(ctx context.Context, from, to mapper.ListKey, ref string) (followed bool, err error)
	// Begin records a call before it is sent and takes done off the queue, in
	// one transaction. It returns the record's id.
	Begin(ctx context.Context, c *Call, done []Done) (int64, error)
	// Sent records the reply.
	Sent(ctx context.Context, id int64, activityID string) error
	// Doubt records that the request may or may not have been applied.
	Doubt(ctx context.Context, id int64) error
	// Reject records that the request was not applied; its people are to be
	// planned again, not before the time. With NotDone its rows do not count against
	// those of the day.
	Reject(ctx context.Context, id int64, why string, notBefore time.Time) error
	// Open returns the calls whose end is not known, the oldest first.
	Open(ctx context.Context) ([]OpenActivity, error)
	// Ours returns the ids of all activities of ours since the time.
	Ours(ctx context.Context, since time.Time) (map[string]bool, error)
	// People returns whom a call names.
	People(ctx context.Context, id int64) ([]mapper.Address, error)
	// Moved records how a move ended. When it was done, what was known of the
	// previous address is known of the new one; when not, the new address is
	// added like any other.
	Moved(ctx context.Context, id int64, done bool) error
	// Settle records how a call ended.
	Settle(ctx context.Context, id int64, o Outcome) error
}

// API is the part of Constant Contact's interface that the sink uses.
type API interface {
	Lists(ctx context.Context, each func([]constantcontact.List) error) error
	CreateList(ctx context.Context, name, description string) (constantcontact.List, error)
	CustomFields(ctx context.Context) ([]constantcontact.CustomField, error)
	CreateCustomField(ctx context.Context, label string) (constantcontact.CustomField, error)
	Counts(ctx context.Context) (constantcontact.Counts, error)
	ContactByEmail(ctx context.Context, address string) (*constantcontact.Contact, error)
	Contacts(ctx context.Context, q constantcontact.ContactQuery, each func([]constantcontact.Contact) error) error
	ImportContacts(ctx context.Context, rows []constantcontact.ImportRow, listIDs []string) (constantcontact.Activity, error)
	AddListMemberships(ctx context.Context, contactIDs, listIDs []string) (constantcontact.Activity, error)
	RemoveListMemberships(ctx context.Context, contactIDs, listIDs []string) (constantcontact.Activity, error)
	Activities(ctx context.Context, each func([]constantcontact.Activity) error) error
	Activity(ctx context.Context, id string) (constantcontact.Activity, error)
	StartExport(ctx context.Context, q constantcontact.ExportQuery) (constantcontact.Activity, error)
	Export(ctx context.Context, a constantcontact.Activity, need []constantcontact.Column, take func([]constantcontact.ExportRow) error) error
	ContactByID(ctx context.Context, id string) (constantcontact.Contact, error)
	CreateContact(ctx context.Context, n constantcontact.NewContact) (constantcontact.WrittenContact, error)
	PutContact(ctx context.Context, id string, change constantcontact.ContactChange) (constantcontact.WrittenContact, error)
	// ReviveContact brings a deleted contact back without any permission.
	ReviveContact(ctx context.Context, address string) (constantcontact.WrittenContact, error)
	List(ctx context.Context, id string) (constantcontact.List, error)
	RenameList(ctx context.Context, id, name string) (constantcontact.List, error)
}

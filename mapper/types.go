package mapper

import "time"

// RepID is the member database's opaque key of a representative, as text.
type RepID string

// GroupID is the member database's opaque key of a group, as text.
type GroupID string

// Rep is one row of the contract view rollcall.reps, with its rows of
// rollcall.group_members.
type Rep struct {
	ID       RepID
	MemberID string
	Email    string // as stored; see Normalize

	FirstName, LastName, Company, JobTitle   string
	Phone, Street, City, State, Zip, Country string // sent when Policy says so
	// Custom are the values of the further columns that Policy sends, by column.
	Custom map[string]string

	Active          bool     // the rep's own flag
	MemberStatus    string   // compared without case; only active and courtesy count as active
	MembershipTypes []string // of the rep's member
	OptedOut        bool     // of the database's mailings
	NotMailable     bool     // the optional column mailable is false

	// Groups holds the rep's group memberships: group to disabled.
	Groups map[GroupID]bool

	// Unreadable is not empty when the row carries no information: it names
	// the column that is NULL, or says "duplicate", UnreadableValue, or "otherwise"
	// where a membership has the id in another form.
	// Nothing is added or removed for the addresses of such a rep.
	Unreadable string
}

// UnreadableValue is Rep.Unreadable where a view fails at the row. Then not even the
// address may be known.
const UnreadableValue = "value"

// Group is one row of rollcall.groups.
type Group struct {
	ID   GroupID
	Name string
	Sync bool // ticked
}

// Options is one row of rollcall.options: the association's own choices.
type Options struct {
	NewsletterSolution  string
	SyncAllActive       bool
	SyncMembershipTypes bool
	SyncGroups          bool
	WindowStart         string // HH:MM, the association's local time
	WindowEnd           string
	TimeZone            string // IANA name
}

// MembershipType is a membership type that exists in the database.
type MembershipType struct {
	ID   string // from the optional view rollcall.membership_types; else empty
	Name string
}

// Policy is what the operator may set about the rules.
type Policy struct {
	AllActiveName       string // name of the all-active list
	GroupRequiresActive bool   // a group list wants an active holder too
	RemoveOnMissingRow  bool   // on_removed: remove; a missing membership row counts as off
	// MoveAddress is on_email_change: move. The contact of the previous address
	// gets the new one where nobody else holds it; where that cannot be, the
	// previous address is taken off our lists.
	MoveAddress bool
	SendPhone   bool // tell the phone number
	SendAddress bool // tell the postal address
	// CustomFields are further columns that are told as custom fields, at most 25.
	CustomFields []CustomField
	// Thresholds bound removals from one list; see Guard.
	Thresholds Thresholds
}

// CustomField is a column of rollcall.reps and the label of the custom field that
// it becomes in Constant Contact.
type CustomField struct{ Column, Label string }

// Thresholds are the numbers of removals from one list within an hour above
// which a person is asked first: more than Few and more than Percent of the
// list, or more than Many, or a list of Small or more that would become empty.
type Thresholds struct {
	Few, Percent, Many, Small int
	Off                       bool // nothing is held for its number
}

// DefaultThresholds are those of docs/semantics.md, section 6.
var DefaultThresholds = Thresholds{Few: 10, Percent: 20, Many: 500, Small: 5}

// ListKind is what a list mirrors.
type ListKind string

// The kinds of list.
const (
	ListAllActive ListKind = "all_active"
	ListType      ListKind = "type"
	ListGroup     ListKind = "group"
	// ListUnmanaged is a list of the account that mirrors nothing: people are
	// carried over to it when their e-mail address changes.
	ListUnmanaged ListKind = "unmanaged"
)

// ListKey names a list by what it mirrors: "all_active", "type:<name>",
// "group:<id>" or "unmanaged:<list id>". It does not change when the list is
// renamed.
type ListKey string

// ListState is how far a list is bound to a Constant Contact list.
type ListState string

// The states of a list.
const (
	ListUnbound   ListState = ""          // not looked for yet: found or created before the first addition
	ListBound     ListState = "bound"     // we know its id
	ListMissing   ListState = "missing"   // deleted in Constant Contact: paused
	ListAmbiguous ListState = "ambiguous" // two lists match its name: paused
	ListRetired   ListState = "retired"   // its membership type was renamed: no removals
	ListNoRoom    ListState = "no_room"   // not created: the account has 1,000 lists
	ListOff       ListState = "off"       // an operator switched it off when it was missing or could not be bound
)

// List is one wanted or known list.
type List struct {
	Key     ListKey
	Kind    ListKind
	Ref     string // the type's name, the group's id or the unmanaged list's id
	Name    string // wanted name in Constant Contact
	State   ListState
	Existed bool // existed before us
	// Unseen: the list existed and the first look at it is still to come, so
	// that nothing is planned for it yet (docs/semantics.md, section 6); see
	// Output.FirstLook.
	Unseen bool
	// KeepForeign: people whom no row ever put on this all-active or type list
	// stay on it.
	KeepForeign bool

	// Derived: another source has the name, so Name is "<name> (group)" or
	// "<name> (2)". A derived name never binds to an existing list.
	Derived bool
	// Cut: the source's name is longer than Constant Contact's 255 characters.
	Cut bool
}

// ContactState is what Constant Contact shows of an address.
type ContactState string

// The states of a contact.
const (
	ContactUnknown      ContactState = ""       // never read
	ContactAbsent       ContactState = "absent" // read: no such contact
	ContactActive       ContactState = "active"
	ContactUnsubscribed ContactState = "unsubscribed"
	ContactDeleted      ContactState = "deleted"
	ContactOnHold       ContactState = "temp_hold"
	ContactPending      ContactState = "pending_confirmation"
	ContactNotSet       ContactState = "not_set"
)

// Contact is what is known of an address in Constant Contact.
type Contact struct {
	State  ContactState
	ID     string // contact id, empty when never known; kept while absent, when another address may have it
	ReadAt time.Time

	// TouchedBy and Fields are the rep whose fields were told last and their
	// Fingerprint; empty when none were told.
	TouchedBy RepID
	Fields    string

	Refused bool // quarantined: refused though well formed
	// RefusedFields is the Fingerprint of what was refused: other data are
	// another try. Retry: the one later try is due, or somebody asked for it.
	RefusedFields string
	Retry         bool

	Lists int // lists of the account that the last read showed the contact on, ours and others
}

// Told is what Constant Contact was last told about a pair.
type Told string

// What a pair was told.
const (
	ToldNothing Told = ""
	ToldAdd     Told = "add"
	ToldRemove  Told = "remove"
)

// Shown is what the last read showed of a pair.
type Shown string

// What a pair was shown as.
const (
	ShownUnknown Shown = "" // never read
	ShownOn      Shown = "on"
	ShownOff     Shown = "off"
)

// Pair is the ledger's row for one (list, address).
type Pair struct {
	Told      Told
	Confirmed bool  // Constant Contact confirmed what it was told
	Seen      bool  // was read on the list while its verdict was on, since we last added or removed it
	Shown     Shown // at the last read, as Tell and Confirm leave it
	Departed  bool  // left the list in Constant Contact; sticky
	// Add and Remove are what people were asked about an addition of the pair
	// and about its removal: the latest question about each. The
	// caller leaves out an approval that was carried out since, or it would take
	// a person off again whom somebody put back.
	Add, Remove Hold
}

// Former is a rep that had the address once and has it no longer.
type Former struct {
	Rep      *Rep // nil when the rep is gone
	OptedOut bool // what the last plan saw of this rep with this address
	// Gone: a plan has seen since that the rep is gone. A living one of the same id is
	// another one, whose row takes nothing back.
	Gone bool
}

// Previous is what the previous addresses of a rep show in Constant Contact.
type Previous struct {
	// Reason is one of the previous_address codes, empty when the contacts of
	// the previous addresses may all be mailed.
	Reason Reason
	Left   map[ListKey]bool // lists that a previous address left, or of which that is asked
	// Allowed are lists on which an operator allowed the rep in spite of Reason.
	Allowed map[ListKey]bool
}

// Person is everything known about one address of one association.
type Person struct {
	// Address is as Normalize gives it. For a rep whose e-mail is not usable it
	// is the stored text, one person a rep: the plan then gives the reason and
	// adds nothing.
	Address Address
	Holders []Rep    // reps whose address it is now
	Former  []Former // reps whose address it was

	// SeenOptedOut says what the last plan saw of each present holder; a rep
	// that no plan saw with this address is absent. What an unreadable row says
	// is not to be recorded here, or the change to opted in would be lost.
	SeenOptedOut map[RepID]bool
	// Returned are holders who had opted out when a plan last saw them with this address,
	// and whom a plan has seen gone since. They are not in SeenOptedOut: an id that is
	// used again does not opt in.
	Returned map[RepID]bool
	// RememberedOptOut: once seen opted out, and not lifted since.
	RememberedOptOut bool
	// OptOutAll and OptOutGroups come from the optional view rollcall.opt_outs.
	OptOutAll    bool
	OptOutGroups map[GroupID]bool

	// OptedIn: the opt-out was lifted within the last hour.
	OptedIn bool

	// Previous is what holds a present holder back because of an address that
	// the rep had before, along the whole chain; holders without such a reason,
	// or whom an operator allowed, are absent.
	Previous map[RepID]Previous
	// Carry names the group lists and unmanaged lists that unfinished e-mail
	// changes carry over to this address, with the rep whose address changed: to
	// be added once. A row of the database about the list counts before it.
	Carry map[ListKey]RepID
	// MoveFrom is the previous address whose contact may be given this one: it
	// has no other holder, its contact can be mailed, and no contact has this
	// address. Empty where that is not so, or Policy.MoveAddress is off.
	MoveFrom Address
	// Leaving: an e-mail change away from this address is not finished, so that
	// Policy.MoveAddress takes nothing off it yet.
	Leaving bool

	Contact Contact
	Pairs   map[ListKey]Pair
	// EditedFrom are people of the database under whose addresses the contact was known,
	// where no row ever had this one: somebody edited it in Constant Contact.
	EditedFrom []Person
	// OldAccount is what an account that the association had before showed of the
	// address: unsubscribed, deleted or on hold, else empty. Whatever the present
	// account shows, nobody is added because of it, until an operator allows that.
	OldAccount ContactState

	// Exact names the lists for which everybody whose verdict is not on is to
	// go, foreign people and verdict leave included (sync now).
	Exact map[ListKey]bool
}

// Input is one planning problem: one association, some of its addresses.
type Input struct {
	Options   Options
	Policy    Policy
	Connected bool // the association has a Constant Contact account
	// OtherAccount: it is another account than the one that the state is about.
	OtherAccount bool
	Groups       []Group // all of the association
	// Types names the membership types that exist, for lists that nobody is on
	// yet; those of the holders need not be named.
	Types  []MembershipType
	Known  []List // lists bound before, whether still wanted or not
	People []Person

	// TypesComplete: Types names every type that exists. Then a bound type that
	// is not among them, while another has appeared that has no list yet, was
	// renamed and not left by its last member.
	TypesComplete bool

	// Explain asks for a decision about every list, also where neither the rows
	// nor the ledger connect it with the address: for a question about few
	// people, not for a run.
	Explain bool
}

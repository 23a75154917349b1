package mapper

// Verdict says whether an address should be on a list.
type Verdict string

// The verdicts.
const (
	On    Verdict = "on"
	Off   Verdict = "off"
	Leave Verdict = "leave"
	None  Verdict = "none" // no information or not ours to decide: touch nothing
)

// OpKind is the kind of one intended effect.
type OpKind string

// The kinds of operation.
const (
	AddToList          OpKind = "add_to_list"
	InactivateFromList OpKind = "inactivate_from_list"
	UpdateFields       OpKind = "update_fields"
	// MoveContact gives the contact of From the address; see Policy.MoveAddress
	// and Moved. It is the only operation of its address but for removals.
	MoveContact OpKind = "move_contact"
)

// Op is one intended effect on one address.
type Op struct {
	Kind    OpKind
	Address Address
	List    ListKey // empty for UpdateFields and MoveContact
	Reason  Reason  // why, for removals; empty otherwise
	Rep     RepID   // the rep whose row decided, where there is one
	// OptOut marks a removal because the person opted out in the database: it
	// is never held, waits for nothing and goes first.
	OptOut bool
	From   Address // of MoveContact

	// What Guard looks at.
	Approved bool // a person approved it: no threshold applies
	Readd    bool // puts back somebody whom we took off, or who had opted out
	OptedIn  bool // follows an opt-out that was lifted within the last hour
	Carried  bool // carries an e-mail change over to a list that mirrors nothing
	// Doubted is the kind of the question about putting the person back on another
	// list after an opt-out; empty when none stands.
	Doubted HoldKind
}

// Held is an operation that waits for a person's decision.
type Held struct {
	Op   Op
	Kind HoldKind
}

// Reason is why the operation is wanted, for removals, and of an addition that is in
// doubt after an opt-out that the person had opted out; see Hold.OptedOut.
func (h Held) Reason() Reason {
	if (h.Kind == HoldOptedIn || h.Kind == HoldWentBack) && (h.Op.OptedIn || h.Op.Doubted != "") {
		return ReasonOptedOut
	}
	return h.Op.Reason
}

// Question is something to ask a person about a pair.
type Question struct {
	PairOp
	Hold   Hold   // waiting
	Reason Reason // why the person is not wanted there; empty where the rows want the person on the list
	Rep    RepID
}

// PairOp names a question about one operation of a pair.
type PairOp struct {
	Address Address
	List    ListKey
	Kind    OpKind // AddToList or InactivateFromList
}

// Decision is the verdict for one pair, with the reason for everything that is
// not plainly "should be on and is told so".
type Decision struct {
	Address Address
	List    ListKey
	Verdict Verdict
	// Rows is the verdict of the rows, which a list that is switched off or not
	// ticked has too. Verdict is None there, because nothing may be done.
	Rows Verdict
	// Reason is empty when the address is wanted and nothing stands in the
	// way; else the first of all reasons that apply, in the order of Reasons.
	Reason Reason
	Rep    RepID
	OptOut bool // the person opted out in the database
	// Hold is the question to a person that stands about what the rows want of
	// the pair. While it waits or was rejected, nothing is done.
	Hold Hold
}

// OptOutMemory is a change of the remembered opt-out of an address.
type OptOutMemory struct {
	Address Address
	OptOut  bool
}

// Output is what a plan says.
type Output struct {
	// Lists are the wanted lists with their final names, in a fixed order; a
	// list is wanted although nobody is on it.
	Lists []List
	// Decisions are about every pair that the rows or the ledger connect, by
	// address and then in the order of lists; see Input.Explain. About an
	// unmanaged list there is one only while an e-mail change is carried over to
	// it, or where our pair is to be taken off it.
	Decisions []Decision
	Ops       []Op               // by address; of one address by list, fields last
	Fields    map[Address]Fields // of every address with an addition or an update
	OptOuts   []OptOutMemory
	// States are changes of the state of bound lists: a type that was renamed is
	// retired, and bound again when it is back.
	States map[ListKey]ListState
	// Withdrawn are questions that the plan no longer asks, because the rows or
	// Constant Contact say something else by now, or because what was approved is
	// done: an approval does not act a second time.
	Withdrawn []PairOp
	// FirstLook is what to ask about lists that are Unseen, as far as Constant
	// Contact was read: whoever takes the first look reads the whole account,
	// plans everybody, records these and then calls the list seen.
	FirstLook []Question
	// Winners are addresses whose fields come from another rep than the one
	// told last: to be recorded without telling Constant Contact.
	Winners map[Address]Fields
	// Cuts says of everybody who is on a list of ours, or is to be, which of the
	// fields are longer than Constant Contact takes.
	Cuts map[Address]CutFields
}

// CutFields are the names of fields of a rep that are cut, mostly none.
type CutFields struct {
	Rep    RepID
	Fields []string
}

// Fields are what Constant Contact is told about a person.
type Fields struct {
	Rep                                    RepID
	FirstName, LastName, Company, JobTitle string // cut to the vendor's limits
	// Empty unless Policy sends them.
	Phone, Street, City, State, Zip, Country string
	Custom                                   []CustomValue // in the order of Policy.CustomFields; the value may be empty

	Cut []string // names of the fields that were longer than Constant Contact takes
}

// CustomValue is what the custom field of a label has for a person.
type CustomValue struct{ Label, Value string }

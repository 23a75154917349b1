package mapper

// Reason says, as a code, why an address is not on a list, is not added to it
// or is taken off it. Empty means that nothing stands in the way. Codes are
// stable: they are stored, counted and shown.
type Reason string

// What Constant Contact shows of the person.
const (
	ReasonUnsubscribed         Reason = "unsubscribed_in_constant_contact"
	ReasonDeleted              Reason = "deleted_in_constant_contact"
	ReasonOnHold               Reason = "on_hold_in_constant_contact"
	ReasonAwaitingConfirmation Reason = "awaiting_confirmation"
	ReasonNoPermission         Reason = "no_permission_recorded"
	ReasonAddressChanged       Reason = "address_changed_in_constant_contact"
	ReasonLeftList             Reason = "left_list_in_constant_contact"
	ReasonRefused              Reason = "refused_by_constant_contact"
)

// What the person told the member database.
const (
	ReasonOptedOut             Reason = "opted_out_in_database"
	ReasonOptedOutOfGroup      Reason = "opted_out_of_group"
	ReasonNotMailable          Reason = "not_mailable"
	ReasonPreviousUnsubscribed Reason = "previous_address_unsubscribed"
	ReasonPreviousDeleted      Reason = "previous_address_deleted"
	ReasonPreviousOnHold       Reason = "previous_address_on_hold"
	ReasonPreviousLeftList     Reason = "previous_address_left_list"
)

// What is wrong with the e-mail address.
const (
	ReasonNoEmail      Reason = "no_email"
	ReasonInvalidEmail Reason = "invalid_email"
	ReasonEmailTooLong Reason = "email_too_long"
)

// What keeps the association, the list or the row from being used.
const (
	ReasonOtherNewsletter  Reason = "other_newsletter_solution"
	ReasonNotConnected     Reason = "not_connected"
	ReasonOtherAccount     Reason = "other_account"
	ReasonOptionOff        Reason = "option_off"
	ReasonGroupNotSynced   Reason = "group_not_synced"
	ReasonListMissing      Reason = "list_missing"
	ReasonListAmbiguous    Reason = "list_ambiguous"
	ReasonListRetired      Reason = "list_retired"
	ReasonSourceUnreadable Reason = "source_unreadable"
	ReasonTooManyLists     Reason = "too_many_lists"
	ReasonAccountListLimit Reason = "account_list_limit"
)

// What the rules say of the rows.
const (
	ReasonRepInactive     Reason = "rep_inactive"
	ReasonMemberNotActive Reason = "member_not_active"
	ReasonOtherType       Reason = "other_type"
	ReasonNotInGroup      Reason = "not_in_group"
	ReasonDisabledInGroup Reason = "disabled_in_group"
	ReasonAddressReplaced Reason = "address_replaced"
	ReasonNotInDatabase   Reason = "not_in_database"
	ReasonForeignKept     Reason = "foreign_kept"
)

// What will happen later.
const (
	ReasonWaitingApproval     Reason = "waiting_approval"
	ReasonWaitingActivity     Reason = "waiting_activity"
	ReasonWaitingRate         Reason = "waiting_rate"
	ReasonWaitingDailyBudget  Reason = "waiting_daily_budget"
	ReasonWaitingAddressLimit Reason = "waiting_address_limit"
	ReasonWaitingConsentRead  Reason = "waiting_consent_read"
)

// reasonTexts holds every reason in order of precedence (docs/semantics.md,
// section 9) with its sentence, and with what would change it.
var reasonTexts = []struct {
	reason       Reason
	text, change string
}{
	{
		ReasonUnsubscribed, "The person unsubscribed in Constant Contact.",
		"The person subscribes again in Constant Contact; Rollcall does that for nobody.",
	},
	{
		ReasonDeleted, "The contact was deleted in Constant Contact.",
		"An operator allows the address back, which restores the contact without changing its permission.",
	},
	{
		ReasonOnHold, "Constant Contact holds the contact back.",
		"Constant Contact lifts its hold.",
	},
	{
		ReasonAwaitingConfirmation, "The person has not confirmed the subscription yet.",
		"The person confirms the subscription in the message that Constant Contact sent.",
	},
	{
		ReasonNoPermission, "Constant Contact has no permission to mail recorded for this contact.",
		"A permission to mail is recorded for the contact in Constant Contact.",
	},
	{
		ReasonAddressChanged, "The contact's address was changed in Constant Contact and no longer agrees with the database.",
		"The contact gets its address back in Constant Contact, or the database takes over the new one.",
	},
	{
		ReasonLeftList, "The person left this list in Constant Contact.",
		"An operator allows the address back, or somebody adds it to the list in Constant Contact.",
	},
	{
		ReasonRefused, "Constant Contact refused this address.",
		"The person's data change in the member database, or an operator asks for another try; one later try comes by itself.",
	},

	{
		ReasonOptedOut, "The person opted out of mailings in the member database.",
		"The person opts in again in the member database, for every representative with this address.",
	},
	{
		ReasonOptedOutOfGroup, "The person opted out of this group's mailings in the member database.",
		"The person opts in again to this group's mailings in the member database.",
	},
	{
		ReasonNotMailable, "The member database says that this person may not be mailed.",
		"The member database says that the person may be mailed.",
	},
	{
		ReasonPreviousUnsubscribed, "The person unsubscribed under a previous address.",
		"An operator allows the new address, or the person subscribes again under the previous one.",
	},
	{
		ReasonPreviousDeleted, "The contact of a previous address was deleted in Constant Contact.",
		"An operator allows the new address.",
	},
	{
		ReasonPreviousOnHold, "Constant Contact holds back the contact of a previous address.",
		"An operator allows the new address, or Constant Contact lifts its hold on the previous one.",
	},
	{
		ReasonPreviousLeftList, "The person left this list under a previous address.",
		"An operator allows the new address, or somebody adds the previous one to the list in Constant Contact.",
	},

	{
		ReasonNoEmail, "The representative has no e-mail address.",
		"Somebody enters the representative's e-mail address in the member database.",
	},
	{
		ReasonInvalidEmail, "The e-mail field does not hold one well-formed address.",
		"Somebody corrects the e-mail field in the member database, so that it holds one address and nothing else.",
	},
	{
		ReasonEmailTooLong, "The e-mail address is longer than the 80 characters that Constant Contact takes.",
		"The representative gets an e-mail address of at most 80 characters.",
	},

	{
		ReasonOtherNewsletter, "The association's newsletter solution is not Constant Contact.",
		"The association's newsletter solution is set to Constant Contact.",
	},
	{
		ReasonNotConnected, "The association is not connected to a Constant Contact account.",
		"An operator connects the association to its Constant Contact account.",
	},
	{
		ReasonOtherAccount, "The association is connected to another Constant Contact account than before.",
		"An operator confirms the new account, or connects the earlier one again.",
	},
	{
		ReasonOptionOff, "The association has this list, or this kind of list, switched off.",
		"The association switches this kind of list on; one list comes back when an operator has it created again or binds another one.",
	},
	{
		ReasonGroupNotSynced, "The group is not ticked for synchronisation.",
		"Somebody ticks the group for synchronisation.",
	},
	{
		ReasonListMissing, "The list was deleted in Constant Contact, or its source has no name to create it with.",
		"An operator has the list created again or binds another one; a source without a name gets one.",
	},
	{
		ReasonListAmbiguous, "Two lists in Constant Contact have this list's name.",
		"An operator chooses one of the two lists, or one of them is renamed in Constant Contact.",
	},
	{
		ReasonListRetired, "The list belongs to a membership type that was renamed.",
		"The membership type gets its former name back; else the people are on the list of its new name.",
	},
	{
		ReasonSourceUnreadable, "A row of this person in the member database cannot be used.",
		"Somebody corrects the row; it is named by the representative's id.",
	},
	{
		ReasonTooManyLists, "The contact is on 50 lists already, which is Constant Contact's limit.",
		"The contact is taken off another list.",
	},
	{
		ReasonAccountListLimit, "The account has 1,000 lists already, which is Constant Contact's limit.",
		"Somebody deletes lists in the account that are not needed.",
	},

	{
		ReasonRepInactive, "The representative is not active.",
		"The representative is made active.",
	},
	{
		ReasonMemberNotActive, "The member's status is neither active nor courtesy.",
		"The member's status is set to active or courtesy.",
	},
	{
		ReasonOtherType, "The member does not have this membership type.",
		"The member gets this membership type.",
	},
	{
		ReasonNotInGroup, "The representative is not in this group.",
		"The representative is added to the group; sync now takes the address off the group's list.",
	},
	{
		ReasonDisabledInGroup, "The representative is disabled in this group.",
		"The representative is enabled in the group.",
	},
	{
		ReasonAddressReplaced, "The representative has a new e-mail address.",
		"A representative gets this address again; the new address has its own place on the list.",
	},
	{
		ReasonNotInDatabase, "Nobody in the member database has this address.",
		"A representative with this address is entered in the member database.",
	},
	{
		ReasonForeignKept, "The person is not from the member database and is kept on this list.",
		"An operator chooses to remove foreign people from this list.",
	},

	{
		ReasonWaitingApproval, "The change waits for an approval.",
		"Somebody approves the change, or the database no longer asks for it.",
	},
	{
		ReasonWaitingActivity, "Constant Contact is still working on an earlier change of this address.",
		"It goes on by itself once Constant Contact has finished.",
	},
	{
		ReasonWaitingRate, "The change waits for Constant Contact's limit of calls a second.",
		"It goes on by itself within seconds.",
	},
	{
		ReasonWaitingDailyBudget, "The change waits for the next day's Constant Contact calls.",
		"It goes on by itself after midnight UTC.",
	},
	{
		ReasonWaitingAddressLimit, "The address was imported five times within 24 hours and waits.",
		"It goes on by itself once the oldest of the five imports is 24 hours old.",
	},
	{
		ReasonWaitingConsentRead, "The change waits for a read of the person's state or of the list in Constant Contact.",
		"It goes on by itself once Constant Contact could be read.",
	},
}

// reasonRanks gives the place of each reason in reasonTexts.
var reasonRanks = func() map[Reason]int {
	ranks := make(map[Reason]int, len(reasonTexts))
	for i, r := range reasonTexts {
		ranks[r.reason] = i
	}
	return ranks
}()

// Reasons returns every reason in order of precedence.
func Reasons() []Reason {
	all := make([]Reason, len(reasonTexts))
	for i, r := range reasonTexts {
		all[i] = r.reason
	}
	return all
}

// Text is one English sentence for people; it holds no member data. It is
// empty for the empty reason and for a code that this version does not know.
func (r Reason) Text() string {
	if i, ok := reasonRanks[r]; ok {
		return reasonTexts[i].text
	}
	return ""
}

// Change is one English sentence that says what would change it, for people;
// empty like Text.
func (r Reason) Change() string {
	if i, ok := reasonRanks[r]; ok {
		return reasonTexts[i].change
	}
	return ""
}

// Compare orders reasons by precedence, for use with package slices: negative
// when r comes before other. The empty reason and unknown codes come last.
func (r Reason) Compare(other Reason) int { return r.rank() - other.rank() }

func (r Reason) rank() int {
	if i, ok := reasonRanks[r]; ok {
		return i
	}
	return len(reasonTexts)
}

// firstReason returns the reason that takes precedence, empty if there is none.
func firstReason(reasons ...Reason) Reason {
	var first Reason
	for _, r := range reasons {
		if r.Compare(first) < 0 {
			first = r
		}
	}
	return first
}

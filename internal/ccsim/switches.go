package ccsim

import "fmt"

// Switches choose between what the vendor may do where that is not documented,
// or where a test wants to be free of it. The zero value is the more likely
// answer to each. DESIGN.md has the names of the same switches in JSON.
type Switches struct {
	PutWithoutEmailDrops       bool         `json:"put_without_email_drops"`       // PUT without email_address takes the address away
	PutIgnoresUnsubscribed     bool         `json:"put_ignores_unsubscribed"`      // PUT of an unsubscribed contact with lists: 200 without lists, not 400
	RecordUnsubscribedAdds     bool         `json:"record_unsubscribed_adds"`      // a list addition of an unsubscribed contact shows a membership
	ListNamesCaseSensitive     bool         `json:"list_names_case_sensitive"`     // Members and members are two lists
	DeletedContactByIDIs404    bool         `json:"deleted_contact_by_id_404"`     // not 200 with deleted_at
	DefaultStatusIsActive      bool         `json:"default_status_active"`         // of GET /contacts without status; not all but deleted
	LongImportsCorrectable     bool         `json:"long_imports_correctable"`      // an import row with an address over 50 characters is not taken
	RoleImports                RoleImport   `json:"role_imports"`                  // an import row with an address such as info@
	IgnoreEmptyImports         bool         `json:"ignore_empty_imports"`          // an empty string in an import row does not clear
	UnknownListFailsActivity   bool         `json:"unknown_list_fails_activity"`   // an import to an unknown list: 201 and a failed activity, not 400
	DeletedStayDeleted         bool         `json:"deleted_stay_deleted"`          // an import does not revive a deleted contact
	UnknownIDsAreErrors        bool         `json:"unknown_ids_are_errors"`        // in a list change: counted, not ignored
	EarlyExportIs400           bool         `json:"early_export_400"`              // a result asked for before it is there; not 404
	ThrottledCallsAreFree      bool         `json:"throttled_calls_are_free"`      // a 429 does not count against the day
	CursorDropsInclude         bool         `json:"cursor_drops_include"`          // later pages are without sub-resources
	UnsetScalarsAreNull        bool         `json:"unset_scalars_are_null"`        // not absent
	UnsubscribedKeepLists      bool         `json:"unsubscribed_keep_lists"`       // an unsubscribe drops no list
	MembershipMovesUpdatedAt   bool         `json:"membership_moves_updated_at"`   // of the contact
	EnforceAbuseGuard          bool         `json:"enforce_abuse_guard"`           // after five writes of an address in 24 h it is refused for 48 h
	AnyUserAgent               bool         `json:"any_user_agent"`                // a library's own User-Agent is let in, not 403
	PutWithoutPermissionResets bool         `json:"put_without_permission_resets"` // PUT of an address without permission_to_send: not_set, not the old one
	ConflictForm               ConflictForm `json:"conflict_form"`                 // what a 409 of a contact says
	ConfirmedOptInPendsPosts   bool         `json:"confirmed_opt_in_pends_posts"`  // with confirmed opt-in a POST makes a contact pending
	FieldLabelMovesName        bool         `json:"field_label_moves_name"`        // a custom field with another label has another name
	ExportHeadersAreFields     bool         `json:"export_headers_are_fields"`     // as in the request, not as in the pages' exports

	RefreshGraceSeconds int  `json:"refresh_grace_seconds"`         // how long a replaced refresh token is taken
	ReuseKeepsGrant     bool `json:"reuse_keeps_grant"`             // a replaced refresh token is refused, and nothing else ends
	RefreshRepeatsToken bool `json:"refresh_repeats_refresh_token"` // a long-lived refresh token comes in each answer, is not left out
	SecretExcludesPKCE  bool `json:"secret_excludes_pkce"`          // a code is not exchanged by secret and verifier together
	OktaErrors          bool `json:"okta_errors"`                   // the token endpoint's errors have errorCode, not error
}

// ConflictForm is how the vendor says that another contact has the address. All
// have been seen.
type ConflictForm string

// The forms of a conflict.
const (
	ConflictFull      ConflictForm = ""      // with the id of the other contact
	ConflictBare      ConflictForm = "bare"  // without the words "Validation failed: "
	ConflictWithoutID ConflictForm = "no_id" // the oldest
)

// UnmarshalText refuses other forms.
func (f *ConflictForm) UnmarshalText(text []byte) error {
	switch form := ConflictForm(text); form {
	case ConflictFull, ConflictBare, ConflictWithoutID:
		*f = form
		return nil
	}
	return fmt.Errorf("read form of conflicts: %q is not known", text)
}

// RoleImport is what happens to an import row with a role address.
type RoleImport string

// The fates of a role address.
const (
	RoleAccepted    RoleImport = ""
	RoleCorrectable RoleImport = "correctable"
	RoleError       RoleImport = "error"
)

// UnmarshalText refuses other fates.
func (r *RoleImport) UnmarshalText(text []byte) error {
	switch fate := RoleImport(text); fate {
	case RoleAccepted, RoleCorrectable, RoleError:
		*r = fate
		return nil
	}
	return fmt.Errorf("read fate of role addresses: %q is not known", text)
}

// SetSwitches replaces all switches, from the next request on; also for
// activities that are under way.
func (s *Sim) SetSwitches(switches Switches) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleAll() // what is due ended before
	s.switches = switches
}

// Switches are the switches as they are set.
func (s *Sim) Switches() Switches {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.switches
}

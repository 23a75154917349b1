package constantcontact

import (
	"net/http"
	"net/url"
	"strings"
)

// Endpoint names one operation of the API in errors and metrics. Its path is a
// template below the base URL, without ids and query, so it names no person.
type Endpoint struct {
	Operation string // such as "import_contacts"
	Method    string
	Path      string // such as "/contacts/{id}"
}

var (
	opAccount           = Endpoint{"account_summary", http.MethodGet, "/account/summary"}
	opLists             = Endpoint{"read_lists", http.MethodGet, "/contact_lists"}
	opList              = Endpoint{"read_list", http.MethodGet, "/contact_lists/{id}"}
	opCreateList        = Endpoint{"create_list", http.MethodPost, "/contact_lists"}
	opRenameList        = Endpoint{"rename_list", http.MethodPut, "/contact_lists/{id}"}
	opContacts          = Endpoint{"read_contacts", http.MethodGet, "/contacts"}
	opContactByEmail    = Endpoint{"read_contact_by_email", http.MethodGet, "/contacts"}
	opContactByID       = Endpoint{"read_contact_by_id", http.MethodGet, "/contacts/{id}"}
	opCounts            = Endpoint{"count_contacts", http.MethodGet, "/contacts/counts"}
	opImport            = Endpoint{"import_contacts", http.MethodPost, "/activities/contacts_json_import"}
	opAddMemberships    = Endpoint{"add_list_memberships", http.MethodPost, "/activities/add_list_memberships"}
	opRemoveMemberships = Endpoint{"remove_list_memberships", http.MethodPost, "/activities/remove_list_memberships"}
	opActivities        = Endpoint{"read_activities", http.MethodGet, "/activities"}
	opFullContact       = Endpoint{"read_full_contact_by_id", http.MethodGet, "/contacts/{id}"}
	opFullByEmail       = Endpoint{"read_full_contact_by_email", http.MethodGet, "/contacts"}
	opPutContact        = Endpoint{"change_contact", http.MethodPut, "/contacts/{id}"}
	opReviveContact     = Endpoint{"revive_contact", http.MethodPut, "/contacts/{id}"}
	opCreateContact     = Endpoint{"create_contact", http.MethodPost, "/contacts"}
	opCustomFields      = Endpoint{"read_custom_fields", http.MethodGet, "/contact_custom_fields"}
	opCreateField       = Endpoint{"create_custom_field", http.MethodPost, "/contact_custom_fields"}
	opStartExport       = Endpoint{"start_export", http.MethodPost, "/activities/contact_exports"}
	opExport            = Endpoint{"read_export", http.MethodGet, "/contact_exports/{id}"}
	opPrivileges        = Endpoint{"read_privileges", http.MethodGet, "/account/user/privileges"}
	opActivity          = Endpoint{"read_activity", http.MethodGet, "/activities/{id}"}
)

// changes says that the operation is not a mere read.
func (e Endpoint) changes() bool { return e.Method != http.MethodGet }

// words is the operation's name as it reads in an error.
func (e Endpoint) words() string { return strings.ReplaceAll(e.Operation, "_", " ") }

// at returns the operation's URL.
func (c *Client) at(e Endpoint, id string, q url.Values) string {
	target := c.base + strings.ReplaceAll(e.Path, "{id}", url.PathEscape(id))
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	return target
}

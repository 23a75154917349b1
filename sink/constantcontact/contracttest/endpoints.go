package contracttest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameter says whether the text of a query parameter is one the API takes.
type parameter func(string) bool

func words(allowed ...string) parameter {
	return func(s string) bool {
		for _, word := range strings.Split(s, ",") {
			if !slices.Contains(allowed, word) {
				return false
			}
		}
		return true
	}
}

func upTo(most int) parameter {
	return func(s string) bool {
		n, err := strconv.Atoi(s)
		return err == nil && n >= 1 && n <= most
	}
}

func someIDs(most int) parameter {
	return func(s string) bool {
		ids := strings.Split(s, ",")
		return len(ids) <= most && !slices.ContainsFunc(ids, func(id string) bool { return !uuidForm.MatchString(id) })
	}
}

func isTime(s string) bool { _, err := time.Parse(time.RFC3339, s); return err == nil }
func isAny(s string) bool  { return s != "" }

// endpoint is an operation with what its requests and answers look like.
type endpoint struct {
	method, path string // {id} stands for an id
	query        map[string]parameter
	needed       string // a parameter that must be there, unless there is a cursor
	body         rule   // nil: none
	status       int    // of success
	answer       func(q url.Values) rule
	csv          bool // the answer is no JSON
}

func always(r rule) func(url.Values) rule { return func(url.Values) rule { return r } }

var (
	includes = []string{"custom_fields", "list_memberships", "phone_numbers", "street_addresses", "taggings", "notes"}
	statuses = []string{"all", "active", "deleted", "not_set", "pending_confirmation", "temp_hold", "unsubscribed"}
)

// included are the sub-resources that a query asks for; nil when a cursor hides it.
func included(q url.Values) []string {
	switch {
	case q.Has("cursor"):
		return nil
	case q.Get("include") == "":
		return []string{}
	}
	return strings.Split(q.Get("include"), ",")
}

// endpoints are the operations that a membership sync uses. Status must always be
// given when contacts are read: the documents disagree about the default.
var endpoints = []endpoint{
	{
		method: http.MethodGet, path: "/v3/contacts", needed: "status", query: map[string]parameter{
			"status": words(statuses...), "email": isAny, "lists": someIDs(25), "limit": upTo(500), "include": words(includes...),
			"updated_after": isTime, "optout_after": isTime, "include_count": words("true", "false"), "cursor": isAny,
		},
		status: http.StatusOK, answer: func(q url.Values) rule { return page("contacts", contact(included(q)), 500, "contacts_count") },
	},
	{
		method: http.MethodPost, path: "/v3/contacts", body: newContact,
		status: http.StatusCreated, answer: always(contact(nil)),
	},
	{method: http.MethodGet, path: "/v3/contacts/counts", status: http.StatusOK, answer: always(counts)},
	{
		method: http.MethodGet, path: "/v3/contacts/{id}", query: map[string]parameter{"include": words(includes...)},
		status: http.StatusOK, answer: func(q url.Values) rule { return contact(included(q)) },
	},
	{
		method: http.MethodPut, path: "/v3/contacts/{id}", body: changedContact,
		status: http.StatusOK, answer: always(contact(nil)),
	},
	{
		method: http.MethodGet, path: "/v3/contact_lists", query: map[string]parameter{
			"limit": upTo(500), "include_count": words("true", "false"), "include_membership_count": words("all", "active"), "name": isAny,
			"status": words("all", "active", "deleted"), "cursor": isAny,
		},
		status: http.StatusOK, answer: always(page("lists", aList, 1000, "lists_count")),
	},
	{method: http.MethodPost, path: "/v3/contact_lists", body: newList, status: http.StatusCreated, answer: always(aList)},
	{method: http.MethodGet, path: "/v3/contact_lists/{id}", status: http.StatusOK, answer: always(aList)},
	{method: http.MethodPut, path: "/v3/contact_lists/{id}", body: newList, status: http.StatusOK, answer: always(aList)},
	{
		method: http.MethodGet, path: "/v3/contact_custom_fields", query: map[string]parameter{"limit": upTo(100), "cursor": isAny},
		status: http.StatusOK, answer: always(page("custom_fields", aField, 100, "custom_fields_count")),
	},
	{method: http.MethodPost, path: "/v3/contact_custom_fields", body: newField, status: http.StatusCreated, answer: always(aField)},
	{method: http.MethodPost, path: "/v3/activities/contacts_json_import", body: newRows, status: http.StatusCreated, answer: always(activity)},
	{method: http.MethodPost, path: "/v3/activities/add_list_memberships", body: changes, status: http.StatusCreated, answer: always(activity)},
	{method: http.MethodPost, path: "/v3/activities/remove_list_memberships", body: changes, status: http.StatusCreated, answer: always(activity)},
	{method: http.MethodPost, path: "/v3/activities/contact_exports", body: newExport, status: http.StatusCreated, answer: always(activity)},
	{method: http.MethodGet, path: "/v3/contact_exports/{id}", status: http.StatusOK, csv: true},
	{
		method: http.MethodGet, path: "/v3/activities", query: map[string]parameter{
			"limit": upTo(500), "state": words("processing", "completed", "cancelled", "failed", "timed_out"), "cursor": isAny,
		},
		status: http.StatusOK, answer: always(page("activities", activity, 500, "activities_count")),
	},
	{method: http.MethodGet, path: "/v3/activities/{id}", status: http.StatusOK, answer: always(activity)},
	{
		method: http.MethodGet, path: "/v3/account/summary", query: map[string]parameter{"extra_fields": words("physical_address", "company_logo")},
		status: http.StatusOK, answer: always(account),
	},
	{method: http.MethodGet, path: "/v3/account/user/privileges", status: http.StatusOK, answer: always(userPrivileges)},
}

// Paths of the authorisation server.
const (
	authorizePath = "/oauth2/default/v1/authorize"
	tokenPath     = "/oauth2/default/v1/token"
)

// find returns the operation of a request; false when there is none. A path
// without a placeholder wins.
func find(method, path string) (endpoint, bool) {
	var found endpoint
	for _, e := range endpoints {
		prefix, placeholder := strings.CutSuffix(e.path, "{id}")
		rest, below := strings.CutPrefix(path, prefix)
		switch {
		case e.method != method:
		case e.path == path:
			return e, true
		case placeholder && below && rest != "" && !strings.Contains(rest, "/"):
			found = e
		}
	}
	return found, found.path != ""
}

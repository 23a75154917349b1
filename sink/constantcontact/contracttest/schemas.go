package contracttest

import (
	"maps"
	"slices"
	"strings"
)

// The limits of the documents. Lengths are in characters.
const (
	maxLists      = 50 // of a contact, and of a request
	maxIDs        = 500
	maxRows       = 40_000
	maxCustom     = 25 // custom fields of a contact
	maxAddress    = 80
	maxRowAddress = 50
	manyRows      = 1 << 30
)

var (
	permission = oneOf("implicit", "explicit", "pending_confirmation", "unsubscribed", "temp_hold", "not_set")
	source     = oneOf("Account", "Contact")
	link       = object(need("href", form("path below /v3", func(s string) bool { return strings.HasPrefix(s, "/v3/") })))
	nextLink   = object(may("next", link))
)

// core are the properties that a PUT empties when they are left out.
func core(of func(rule) rule) []member {
	return []member{
		may("first_name", of(text(0, 50))), may("last_name", of(text(0, 50))), may("job_title", of(text(0, 50))), may("company_name", of(text(0, 50))),
		may("birthday_month", of(whole(1, 12))), may("birthday_day", of(whole(1, 31))), may("anniversary", of(text(0, 10))),
	}
}

func plain(r rule) rule { return r }

// Sub-resources of a contact as a request has them.
var (
	customFields = list(object(need("custom_field_id", uuid), need("value", text(0, 255)), may("choice_ids", list(anything, 0, 100))), 0, maxCustom)
	phones       = list(object(need("phone_number", text(1, 25)), need("kind", oneOf("home", "work", "mobile", "other"))), 0, 3)
	streets      = list(object(
		need("kind", oneOf("home", "work", "other")), may("street", text(0, 255)), may("city", text(0, 50)), may("state", text(0, 50)),
		may("postal_code", text(0, 50)), may("country", text(0, 50)),
	), 0, 3)
)

// Requests.
var (
	// newContact is the body of POST /contacts. A sync claims implicit permission
	// and nothing else.
	newContact = object(append(
		core(plain),
		need("email_address", object(need("address", both(address, text(1, maxAddress))), need("permission_to_send", oneOf("implicit")))),
		need("create_source", oneOf("Account")),
		may("list_memberships", distinct(uuid, 0, maxLists)), may("custom_fields", customFields), may("phone_numbers", phones), may("street_addresses", streets),
	)...)
	// changedContact is the body of PUT /contacts/{id}: never with lists, never
	// with a permission that takes one away or might give one back.
	changedContact = object(append(
		core(plain),
		may("email_address", object(need("address", both(address, text(1, maxAddress))), need("permission_to_send", oneOf("implicit", "explicit", "not_set")))),
		need("update_source", oneOf("Account")),
		may("custom_fields", customFields), may("phone_numbers", phones), may("street_addresses", streets),
	)...)
	newList = object(need("name", text(1, 255)), may("description", text(0, 255)), may("favorite", flag))
	newRows = object(need("import_data", list(row, 1, maxRows)), need("list_ids", distinct(uuid, 1, maxLists)))
	changes = object(
		need("source", object(need("contact_ids", distinct(uuid, 1, maxIDs)))), need("list_ids", distinct(uuid, 1, maxLists)),
	)
	newExport = object(
		may("list_ids", distinct(uuid, 1, maxLists)), may("contact_ids", distinct(uuid, 1, maxIDs)), may("status", oneOf("active", "unsubscribed", "removed")),
		may("fields", distinct(oneOf(exportFields...), 1, len(exportFields))),
	)
	newField = object(need("label", text(1, 50)), need("type", oneOf(fieldTypes...)))
)

var fieldTypes = []string{"string", "date", "datetime", "currency", "text_area", "number", "boolean", "single_select", "multi_select"}

var exportFields = []string{
	"first_name", "last_name", "contact_id", "email_address", "email_lists", "phone_number", "company_name", "job_title", "social_profiles",
	"website", "tag", "notes", "street", "street_1", "street_2", "city", "state", "intl_state", "zip", "country", "anniversary", "birthday",
	"birthday_day", "birthday_month", "source_name", "created_at", "updated_at", "email_optin", "email_permission", "email_update_source",
	"email_optin_source", "email_optin_date", "email_optout_date", "email_optout_source", "email_optout_reason", "sms_number",
	"sms_consent_date", "sms_status",
}

// rowKeys are the columns of an import. A value is not empty: what the API makes
// of an empty one is not documented.
var rowKeys = func() []member {
	members := []member{
		need("email", both(address, text(1, maxRowAddress))), may("first_name", text(1, 50)), may("last_name", text(1, 50)),
		may("job_title", text(1, 50)), may("company_name", text(1, 50)), may("birthday_month", whole(1, 12)), may("birthday_day", whole(1, 31)),
		may("anniversary", text(1, 10)),
	}
	for _, prefix := range []string{"", "home_", "work_", "mobile_", "other_"} {
		members = append(members, may(prefix+"phone", text(1, 50)))
	}
	for _, prefix := range []string{"", "home_", "work_", "other_"} {
		members = append(members,
			may(prefix+"street", text(1, 255)), may(prefix+"street2", text(1, 255)), may(prefix+"city", text(1, 50)),
			may(prefix+"state", text(1, 50)), may(prefix+"zip", text(1, 50)), may(prefix+"country", text(1, 50)))
	}
	return members
}()

var knownColumns = object(rowKeys...)

// row is one person of an import. The names of custom fields are the account's.
func row(at string, v any) []string {
	content, is := v.(map[string]any)
	if !is {
		return wrong(at, "is no object")
	}
	content = maps.Clone(content)
	var problems []string
	custom := 0
	for name, value := range content {
		if strings.HasPrefix(name, "cf:") {
			custom++
			problems = append(problems, text(1, 255)(at+".cf:", value)...)
			delete(content, name)
		}
	}
	if custom > maxCustom {
		problems = append(problems, wrong(at, "has %d custom fields", custom)...)
	}
	return append(problems, knownColumns(at, content)...)
}

// subResources are the members that come only when asked for.
var subResources = map[string]rule{
	"custom_fields":    list(object(need("custom_field_id", uuid), need("value", text(0, 255)), may("choice_ids", list(anything, 0, 100))), 0, maxCustom),
	"list_memberships": distinct(uuid, 0, maxLists),
	"phone_numbers": list(object(
		need("phone_number_id", uuid), need("phone_number", text(1, 50)), need("kind", oneOf("home", "work", "mobile", "other")),
		need("created_at", moment), need("updated_at", moment), need("create_source", source), need("update_source", source),
	), 0, 3),
	"street_addresses": list(object(
		need("street_address_id", uuid), need("kind", oneOf("home", "work", "other")), may("street", text(0, 511)), may("city", text(0, 50)),
		may("state", text(0, 50)), may("postal_code", text(0, 50)), may("country", text(0, 50)),
		need("created_at", moment), need("updated_at", moment), need("create_source", source), need("update_source", source),
	), 0, 3),
	"taggings": distinct(uuid, 0, 50),
	"notes":    list(object(need("note_id", uuid), need("created_at", moment), need("content", text(1, 2000))), 0, 150),
}

// contact is a contact with the sub-resources that were asked for; nil where
// that is not known.
func contact(include []string) rule {
	members := append(
		core(orNull),
		need("contact_id", uuid), need("create_source", source), need("update_source", source), need("created_at", moment), need("updated_at", moment),
		may("deleted_at", orNull(day)),
		may("email_address", object(
			need("address", both(address, text(1, maxAddress))), need("permission_to_send", permission), need("created_at", moment), need("updated_at", moment),
			need("opt_in_source", source), need("opt_in_date", moment), need("confirm_status", oneOf("pending", "confirmed", "off")),
			may("opt_out_source", source), may("opt_out_date", moment), may("opt_out_reason", text(0, 255)),
		)),
	)
	for name, r := range subResources {
		switch {
		case include == nil:
			members = append(members, may(name, r))
		case slices.Contains(include, name):
			members = append(members, need(name, r))
		}
	}
	return object(members...)
}

// Answers.
var (
	aList = object(
		need("list_id", uuid), need("name", text(1, 255)), need("description", text(0, 255)), need("favorite", flag), need("created_at", moment),
		need("updated_at", moment), may("deleted_at", moment), may("membership_count", whole(0, manyRows)),
	)
	aField = object(
		need("custom_field_id", uuid), need("label", text(1, 50)), need("name", text(1, 50)), need("type", oneOf(fieldTypes...)),
		need("version", whole(1, manyRows)), need("created_at", moment), need("updated_at", moment), may("metadata", anything), may("choices", anything),
	)
	count    = whole(0, manyRows)
	activity = object(
		need("activity_id", uuid), need("state", oneOf("initialized", "processing", "completed", "cancelled", "failed", "timed_out")),
		need("created_at", moment), need("updated_at", moment), may("started_at", moment), may("completed_at", moment),
		may("source_file_name", text(0, 255)), need("percent_done", whole(0, 100)), need("activity_errors", list(text(1, 500), 0, manyRows)),
		may("status", object(
			may("items_total_count", count), may("items_completed_count", count), may("person_count", count), may("error_count", count),
			may("correctable_count", count), may("cannot_add_to_list_count", count), may("list_count", count),
		)),
		need("_links", object(need("self", link), may("results", link))),
	)
	page = func(items string, of rule, most int, counter string) rule {
		return object(need(items, list(of, 0, most)), may(counter, count), may("_links", nextLink))
	}
	counts = object(
		need("total", count), need("explicit", count), need("implicit", count), need("pending", count), need("unsubscribed", count),
		may("new_subscriber", count),
	)
	account = object(
		need("encoded_account_id", text(1, 255)), may("contact_email", text(0, 80)), may("contact_phone", text(0, 25)), may("country_code", text(0, 2)),
		may("first_name", text(0, 80)), may("last_name", text(0, 80)), may("organization_name", text(0, 250)), may("organization_phone", text(0, 25)),
		may("state_code", text(0, 2)), may("time_zone_id", text(0, 100)), may("website", text(0, 250)), may("physical_address", anything), may("company_logo", anything),
	)
	userPrivileges = list(object(need("privilege_id", whole(0, manyRows)), need("privilege_name", text(1, 255))), 0, 1000)

	oneError   = object(need("error_key", text(1, 255)), need("error_message", text(1, 1000)))
	errorArray = list(oneError, 1, 100)
	gateway    = object(need("message", text(1, 255)))

	tokens = object(
		need("token_type", oneOf("Bearer")), need("expires_in", whole(86_400, 86_400)), need("access_token", text(1000, 1200)), need("scope", text(1, 255)),
		may("refresh_token", text(1, 255)),
	)
	oauthError = object(need("error", text(1, 64)), need("error_description", text(1, 500)))
	oktaError  = object(
		need("errorCode", text(1, 64)), need("errorSummary", text(1, 500)), may("errorLink", text(0, 64)), may("errorId", text(0, 64)), may("errorCauses", anything),
	)
)

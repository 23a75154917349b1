package ccsim

import (
	"fmt"
	"slices"
)

// The privileges that a user of the account may have, as far as they matter here.
const (
	readContacts  = "contacts:read"
	writeContacts = "contacts:write"
	readLists     = "contacts:lists:read"
	writeLists    = "contacts:lists:write"
)

var privileges = []string{readContacts, writeContacts, readLists, writeLists}

// roles are the roles of users with their privileges. A campaign creator sees
// neither contacts nor lists, whatever the scope of the token.
var roles = map[string][]string{"Owner": privileges, "Manager": privileges, "Campaign Creator": {}}

// encodedID names the account for the world. Another account has another one.
func (a *accountState) encodedID() string { return "account-" + a.name }

func (a *accountState) may(privilege string) bool {
	return privilege == "" || slices.Contains(a.privileges, privilege)
}

// SetRole gives the user who connected the account a role: Owner, Manager or
// Campaign Creator.
func (s *Sim) SetRole(account, role string) error {
	names, known := roles[role]
	if !known {
		return fmt.Errorf("set role: %q is not known", role)
	}
	return s.SetPrivileges(account, names...)
}

// SetPrivileges gives the user who connected the account exactly these
// privileges, such as contacts:read.
func (s *Sim) SetPrivileges(account string, names ...string) error {
	if !allIn(names, privileges) {
		return fmt.Errorf("set privileges: one of %q is not known", names)
	}
	return s.with(account, func(a *accountState) error {
		a.privileges = slices.Clone(names)
		return nil
	})
}

// SetConfirmedOptIn is the office choosing that people who sign up confirm it.
func (s *Sim) SetConfirmedOptIn(account string, on bool) error {
	return s.with(account, func(a *accountState) error {
		a.confirmedOptIn = on
		return nil
	})
}

// permissionFor is the permission of a new contact of the API that was to have
// another one.
func (s *Sim) permissionFor(a *accountState, wanted string) string {
	if a.confirmedOptIn && s.switches.ConfirmedOptInPendsPosts && (wanted == implicit || wanted == explicit) {
		return pending
	}
	return wanted
}

func (s *Sim) getAccount(c *call) answer {
	extra := split(c.URL.Query().Get("extra_fields"))
	if !allIn(extra, []string{"physical_address", "company_logo"}) {
		return invalid("extra_fields does not have a valid value")
	}
	a := c.account
	body := map[string]any{
		"encoded_account_id": a.encodedID(), "organization_name": a.name, "organization_phone": "555-0100",
		"contact_email": "office@example.org", "contact_phone": "555-0101", "first_name": "Olive", "last_name": "Office",
		"country_code": "US", "state_code": "IL", "time_zone_id": "US/Central", "website": "https://www.example.org",
	}
	if slices.Contains(extra, "physical_address") {
		body["physical_address"] = map[string]string{
			"address_line1": "1 Main Street", "city": "Chicago", "state_code": "IL", "postal_code": "60609", "country_code": "US",
		}
	}
	return ok(body)
}

// getPrivileges needs a token and no scope.
func (s *Sim) getPrivileges(c *call) answer {
	all := []map[string]any{}
	for i, name := range privileges {
		if c.account.may(name) {
			all = append(all, map[string]any{"privilege_id": i + 1, "privilege_name": name})
		}
	}
	return ok(all)
}

package ccsim

import (
	"net/http"
	"slices"
	"time"
)

const (
	maxAddress      = 80
	maxContactLists = 50
)

var (
	sources     = []string{byAccount, byPerson}
	permissions = []string{"", implicit, explicit, pending, unsubscribed, onHold, notSet}
)

// contactInput is the body of POST and PUT.
type contactInput struct {
	Email *struct {
		Address      string `json:"address"`
		Permission   string `json:"permission_to_send"`
		OptOutReason string `json:"opt_out_reason"`
	} `json:"email_address"`
	CreateSource string   `json:"create_source"`
	UpdateSource string   `json:"update_source"`
	Lists        []string `json:"list_memberships"` // nil when absent
	profile
}

// readContact reads a body as far as POST and PUT agree on it.
func readContact(c *call) (in contactInput, lists []*list, bad answer) {
	if !c.decode(&in) {
		return in, nil, invalid("the JSON is malformed")
	}
	lists, known := c.account.living(in.Lists)
	switch broken := in.broken(); {
	case broken != "":
		bad = invalid("%s does not have a valid value", broken)
	case in.Email != nil && (!wellFormed(in.Email.Address) || tooLong(in.Email.Address, maxAddress)):
		bad = invalid("Email address is invalid")
	case in.Email != nil && !slices.Contains(permissions, in.Email.Permission):
		bad = invalid("permission_to_send does not have a valid value")
	case in.Email != nil && tooLong(in.Email.OptOutReason, 255):
		bad = invalid("opt_out_reason does not have a valid value")
	case !known || len(in.Lists) > maxContactLists:
		bad = invalid("list_memberships does not have a valid value")
	case c.account.brokenFields(in.Custom):
		bad = invalid("custom_field_id does not have a valid value")
	}
	in.keepParts()
	return in, lists, bad
}

// taken is the answer when another contact, in whatever state, has the address.
func (s *Sim) taken(other *contact) answer {
	text := "Validation failed: Email already exists for contact " + other.id
	switch s.switches.ConflictForm {
	case ConflictBare:
		text = "Email already exists for contact " + other.id
	case ConflictWithoutID:
		text = "Validation failed: EmailAddress is not unique"
	}
	return problem(http.StatusConflict, "contacts.api.conflict", "%s", text)
}

func (s *Sim) postContact(c *call) answer {
	in, lists, bad := readContact(c)
	switch {
	case bad.status != 0:
		return bad
	case !slices.Contains(sources, in.CreateSource):
		return invalid("create_source is missing, create_source does not have a valid value")
	case in.Email == nil && in.FirstName == "" && in.LastName == "":
		return invalid("email_address is missing")
	}
	address, permission := "", implicit
	if in.Email != nil {
		address = in.Email.Address
		if in.Email.Permission != "" {
			permission = in.Email.Permission
		}
	}
	if other := c.account.byAddress[normal(address)]; other != nil {
		return s.taken(other)
	}
	if s.refusesWrite(c.account, normal(address), s.time()) {
		return invalid("Email address is invalid")
	}
	one := s.addContact(c.account, address, s.permissionFor(c.account, permission))
	one.profile = in.profile
	one.createSource, one.updateSource, one.optInSource = in.CreateSource, in.CreateSource, in.CreateSource
	s.complete(one, in.CreateSource)
	if permission == unsubscribed {
		one.optOutAt, one.optOutSource, one.optOutReason = s.time(), in.CreateSource, in.Email.OptOutReason
	}
	for _, l := range lists {
		s.join(one, l)
	}
	return answer{status: http.StatusCreated, body: s.contactBody(c.account, one, includes)}
}

// putContact replaces: core properties that are left out become empty, lists
// that are given replace all others. A deleted contact comes back.
func (s *Sim) putContact(c *call) answer {
	one := c.account.byID[c.PathValue("id")]
	if one == nil {
		return notFound("contact_id")
	}
	in, lists, bad := readContact(c)
	switch {
	case bad.status != 0:
		return bad
	case !slices.Contains(sources, in.UpdateSource):
		return invalid("update_source is missing, update_source does not have a valid value")
	}
	permission, address := one.permission, one.address
	if in.Email != nil {
		if other := c.account.byAddress[normal(in.Email.Address)]; other != nil && other != one {
			return s.taken(other)
		}
		address = normal(in.Email.Address)
		switch {
		case in.Email.Permission != "":
			permission = in.Email.Permission
		case s.switches.PutWithoutPermissionResets && permission != unsubscribed:
			permission = notSet
		}
	}
	if s.refusesWrite(c.account, address, s.time()) {
		return invalid("Email address is invalid")
	}
	if in.Lists != nil {
		s.note(RulePutLists, "contact "+one.id)
	}
	if permission != one.permission {
		s.note(RulePermission, "contact "+one.id)
	}
	if permission == unsubscribed && len(lists) > 0 && !s.switches.PutIgnoresUnsubscribed {
		return invalid("an unsubscribed contact cannot be added to lists")
	}
	s.replace(c.account, one, in, permission)
	if in.Lists != nil {
		s.quitAll(one)
		for _, l := range lists {
			if one.active() {
				s.join(one, l)
			}
		}
	}
	return ok(s.contactBody(c.account, one, includes))
}

// replace is a PUT but for the lists.
func (s *Sim) replace(a *accountState, one *contact, in contactInput, permission string) {
	switch {
	case in.Email == nil && s.switches.PutWithoutEmailDrops:
		s.readdress(a, one, "")
	case in.Email != nil && normal(in.Email.Address) != one.address:
		s.readdress(a, one, in.Email.Address)
	}
	if permission != one.permission {
		if permission == unsubscribed {
			s.unsubscribe(one, in.UpdateSource)
			one.optOutReason = in.Email.OptOutReason
		} else {
			s.permit(one, permission)
		}
	}
	kept := one.profile.subResources
	one.profile, one.updatedAt, one.deletedAt, one.updateSource = in.profile, s.time(), time.Time{}, in.UpdateSource
	one.profile.keepUnless(&kept)
	s.complete(one, in.UpdateSource)
}

func (s *Sim) deleteContact(c *call) answer {
	one := c.account.byID[c.PathValue("id")]
	if one == nil || one.deleted() {
		return notFound("contact_id")
	}
	s.note(RuleDelete, "contact "+one.id)
	s.remove(one)
	return answer{status: http.StatusNoContent}
}

// signUp does what the vendor's form does: everybody becomes explicit, also who
// had unsubscribed, and lists are added.
func (s *Sim) signUp(c *call) answer {
	s.note(RuleSignUpForm, "")
	var in struct {
		Email     string   `json:"email_address"`
		FirstName string   `json:"first_name"`
		LastName  string   `json:"last_name"`
		Lists     []string `json:"list_memberships"`

		Custom []fieldValue `json:"custom_fields"`
	}
	if !c.decode(&in) || !wellFormed(in.Email) || tooLong(in.Email, 50) {
		return invalid("Email address is invalid")
	}
	if len(in.Lists) == 0 || len(in.Lists) > maxContactLists {
		return invalid("list_memberships does not have a valid value")
	}
	if c.account.brokenFields(in.Custom) {
		return invalid("custom_field_id does not have a valid value")
	}
	lists, known := c.account.living(in.Lists)
	if !known {
		return notFound("list_id")
	}
	status, action := http.StatusOK, "updated"
	permission := explicit
	one := c.account.byAddress[normal(in.Email)]
	if one == nil {
		one = s.addContact(c.account, in.Email, explicit)
		one.createSource, one.optInSource = byPerson, byPerson
		status, action = http.StatusCreated, "created"
		if c.account.confirmedOptIn {
			permission = pending
		}
	}
	for _, v := range in.Custom {
		one.setField(v)
	}
	if in.FirstName != "" {
		one.profile.FirstName = in.FirstName
	}
	if in.LastName != "" {
		one.profile.LastName = in.LastName
	}
	s.permit(one, permission)
	one.deletedAt, one.updatedAt = time.Time{}, s.time()
	for _, l := range lists {
		s.join(one, l)
	}
	return answer{status: status, body: map[string]string{"contact_id": one.id, "action": action}}
}

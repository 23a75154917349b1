package ccsim

import (
	"net/url"
	"slices"
	"time"
)

var (
	statuses = []string{"all", "active", "deleted", notSet, pending, onHold, unsubscribed}
	textings = []string{"all", explicit, unsubscribed, pending, notSet} // of sms_status
	includes = []string{"custom_fields", "list_memberships", "phone_numbers", "street_addresses", "taggings", "notes"}
)

// Most values of a parameter.
const (
	maxQueryLists = 25
	maxQueryTags  = 50
)

func (s *Sim) getContacts(c *call) answer {
	q, err := c.query()
	if err != nil {
		return invalid("the query does not have a valid value")
	}
	all, match, bad := s.filter(c.account, q)
	if bad.status != 0 {
		return bad
	}
	include, bad := includeOf(q)
	if bad.status != 0 {
		return bad
	}
	p := pager[*contact]{
		path: "/v3/contacts", items: "contacts", count: "contacts_count", most: 500, match: match,
		body: func(one *contact) map[string]any { return s.contactBody(c.account, one, include) },
	}
	if s.switches.CursorDropsInclude {
		p.drop = "include"
	}
	return p.page(c, q, all)
}

func includeOf(q url.Values) ([]string, answer) {
	include := split(q.Get("include"))
	if !allIn(include, includes) {
		return nil, invalid("include does not have a valid value")
	}
	return include, answer{}
}

// span is a time that a contact must have between two parameters.
type span struct {
	after, before time.Time // zero when not given
	of            func(*contact) time.Time
}

func (p span) holds(c *contact) bool {
	at := p.of(c)
	return (p.after.IsZero() || at.After(p.after)) && (p.before.IsZero() || !at.IsZero() && at.Before(p.before))
}

// spans reads the time parameters. That of an update does not see unsubscribes.
func (s *Sim) spans(q url.Values) ([]span, answer) {
	var all []span
	for name, of := range map[string]func(*contact) time.Time{
		"updated": func(c *contact) time.Time { return c.updatedAt },
		"created": func(c *contact) time.Time { return c.createdAt },
		"optout":  func(c *contact) time.Time { return c.optOutAt },
	} {
		p := span{of: of}
		for param, at := range map[string]*time.Time{name + "_after": &p.after, name + "_before": &p.before} {
			text := q.Get(param)
			if text == "" {
				continue
			}
			var err error
			if *at, err = time.Parse(time.RFC3339, text); err != nil {
				return nil, invalid("%s does not have a valid value", param)
			}
			*at = at.Add(-s.skew)
		}
		if !p.after.IsZero() || !p.before.IsZero() {
			all = append(all, p)
		}
	}
	return all, answer{}
}

// filter reads the query's parameters: the contacts to look at, from an index
// where there is one, and a test of each.
func (s *Sim) filter(a *accountState, q url.Values) ([]*contact, func(*contact) bool, answer) {
	wanted, listIDs := split(q.Get("status")), split(q.Get("lists"))
	tags, texting := split(q.Get("tags")), split(q.Get("sms_status"))
	times, bad := s.spans(q)
	switch {
	case bad.status != 0:
		return nil, nil, bad
	case !allIn(wanted, statuses):
		return nil, nil, invalid("status does not have a valid value")
	case len(listIDs) > maxQueryLists:
		return nil, nil, invalid("lists has more than %d values", maxQueryLists)
	case len(tags) > maxQueryTags:
		return nil, nil, invalid("tags has more than %d values", maxQueryTags)
	case !allIn(texting, textings):
		return nil, nil, invalid("sms_status does not have a valid value")
	case q.Get("segment_id") != "":
		return nil, nil, notFound("segment_id")
	}
	var on []*list
	for _, id := range listIDs {
		if l := a.listByID[id]; l != nil {
			on = append(on, l)
		}
	}
	all := a.contacts
	switch address := q.Get("email"); {
	case address != "":
		all = nil
		if c := a.byAddress[normal(address)]; c != nil {
			all = []*contact{c}
		}
	case len(listIDs) > 0:
		all = a.onAny(on)
	}
	asIs := len(texting) == 0 || slices.Contains(texting, "all") || slices.Contains(texting, notSet)
	if len(tags) > 0 || !asIs {
		all = nil // nobody has a tag or a telephone for texts
	}
	inStatus := func(c *contact) bool {
		if len(wanted) == 0 {
			return !c.deleted() && (c.active() || !s.switches.DefaultStatusIsActive)
		}
		return slices.Contains(wanted, "all") || slices.Contains(wanted, c.status())
	}
	return all, func(c *contact) bool {
		return inStatus(c) && (len(listIDs) == 0 || slices.ContainsFunc(on, c.on)) &&
			!slices.ContainsFunc(times, func(p span) bool { return !p.holds(c) })
	}, answer{}
}

// contactBody is a contact as the API shows it. Sub-resources that are not
// included are absent.
func (s *Sim) contactBody(a *accountState, c *contact, include []string) map[string]any {
	body := map[string]any{
		"contact_id": c.id, "create_source": c.createSource, "update_source": c.updateSource,
		"created_at": s.stamp(c.createdAt), "updated_at": s.stamp(c.updatedAt),
	}
	if c.address != "" {
		body["email_address"] = s.emailBody(a, c)
	}
	c.profile.show(body, s.switches.UnsetScalarsAreNull)
	if c.deleted() {
		body["deleted_at"] = c.deletedAt.Add(s.skew).UTC().Format(time.DateOnly) // of all times the only date
	}
	for _, sub := range include {
		body[sub] = s.sub(a, c, sub)
	}
	return body
}

func (s *Sim) emailBody(a *accountState, c *contact) map[string]any {
	email := map[string]any{
		"address": c.address, "permission_to_send": c.permission, "confirm_status": "off", "created_at": s.stamp(c.createdAt),
		"updated_at": s.stamp(c.emailUpdatedAt), "opt_in_source": c.optInSource, "opt_in_date": s.stamp(c.optInAt),
	}
	switch {
	case c.permission == pending:
		email["confirm_status"] = "pending"
	case a.confirmedOptIn && c.permission == explicit:
		email["confirm_status"] = "confirmed"
	case c.permission == unsubscribed:
		email["opt_out_source"], email["opt_out_date"], email["opt_out_reason"] = c.optOutSource, s.stamp(c.optOutAt), c.optOutReason
	}
	return email
}

// stamp is a time as the vendor's clock shows it.
func (s *Sim) stamp(t time.Time) string { return t.Add(s.skew).UTC().Format(time.RFC3339) }

func (s *Sim) getContact(c *call) answer {
	one := c.account.byID[c.PathValue("id")]
	if one == nil || one.deleted() && s.switches.DeletedContactByIDIs404 {
		return notFound("contact_id")
	}
	include, bad := includeOf(c.URL.Query())
	if bad.status != 0 {
		return bad
	}
	return ok(s.contactBody(c.account, one, include))
}

// getCounts counts contacts that are not deleted.
func (s *Sim) getCounts(c *call) answer {
	counts := map[string]int{"total": 0, explicit: 0, implicit: 0, "pending": 0, unsubscribed: 0}
	for _, one := range c.account.contacts {
		if one.deleted() {
			continue
		}
		counts["total"]++
		switch one.permission {
		case pending:
			counts["pending"]++
		case explicit, implicit, unsubscribed:
			counts[one.permission]++
		}
	}
	return ok(counts)
}

package ccsim

import (
	"maps"
	"slices"
	"time"
)

// subResources are shown only when included; in a PUT, nil keeps them. There are
// no tags, so a contact that names one is refused.
type subResources struct {
	Phones   []resource   `json:"phone_numbers"`
	Streets  []resource   `json:"street_addresses"`
	Notes    []resource   `json:"notes"`
	Custom   []fieldValue `json:"custom_fields"`
	Taggings []string     `json:"taggings"`
}

// resource is a telephone number, a street address or a note: texts by their
// names in the API, and what the API adds.
type resource map[string]any

// subKinds are the sub-resources that are resources. What is not a part is not
// taken over from a request.
var subKinds = []struct {
	name, id string
	most     int
	kinds    []string       // of which one is required; nil where there is no kind
	parts    map[string]int // most characters of each
	required string         // part that may not be empty
	of       func(*subResources) *[]resource
}{
	{
		"phone_numbers", "phone_number_id", maxOfKinds,
		[]string{"home", "work", "mobile", "other"},
		map[string]int{"phone_number": 25},
		"phone_number", func(s *subResources) *[]resource { return &s.Phones },
	},
	{
		"street_addresses", "street_address_id", maxOfKinds,
		[]string{"home", "work", "other"},
		map[string]int{"street": 255, "city": 50, "state": 50, "postal_code": 50, "country": 50},
		"",
		func(s *subResources) *[]resource { return &s.Streets },
	},
	{"notes", "note_id", 150, nil, map[string]int{"content": 2000}, "content", func(s *subResources) *[]resource { return &s.Notes }},
}

// broken names the first sub-resource that breaks a limit; empty when none does.
func (sub *subResources) broken() string {
	for _, of := range subKinds {
		all := *of.of(sub)
		if len(all) > of.most {
			return of.name
		}
		for _, r := range all {
			if of.kinds != nil && !slices.Contains(of.kinds, r.text("kind")) || of.required != "" && r.text(of.required) == "" {
				return of.name
			}
			for part, most := range of.parts {
				if tooLong(r.text(part), most) {
					return of.name
				}
			}
		}
	}
	if len(sub.Taggings) > 0 {
		return "taggings"
	}
	return ""
}

func (r resource) text(name string) string {
	text, _ := r[name].(string)
	return text
}

// keepParts leaves of resources from a request what is theirs to say.
func (sub *subResources) keepParts() {
	for _, of := range subKinds {
		all := *of.of(sub)
		for i, r := range all {
			clean := resource{}
			if of.kinds != nil {
				clean["kind"] = r.text("kind")
			}
			for part := range of.parts {
				if r.text(part) != "" {
					clean[part] = r.text(part)
				}
			}
			all[i] = clean
		}
	}
}

// keepUnless takes sub-resources that are nil from old.
func (sub *subResources) keepUnless(old *subResources) {
	for _, of := range subKinds {
		if now := of.of(sub); *now == nil {
			*now = *of.of(old)
		}
	}
	if sub.Custom == nil {
		sub.Custom = old.Custom
	}
}

// complete gives a contact's new resources what the API adds to them.
func (s *Sim) complete(c *contact, source string) {
	now := s.time()
	for _, of := range subKinds {
		for _, r := range *of.of(&c.profile.subResources) {
			if r[of.id] != nil {
				continue
			}
			r[of.id], r["created_at"] = s.identity().id, now
			if of.kinds != nil {
				r["updated_at"], r["create_source"], r["update_source"] = now, source, source
			}
		}
	}
}

// shown is a resource as the API shows it.
func (s *Sim) shown(r resource) resource {
	r = maps.Clone(r)
	for name, value := range r {
		if at, isTime := value.(time.Time); isTime {
			r[name] = s.stamp(at)
		}
	}
	return r
}

// sub is a sub-resource of a contact; an empty one is an empty array.
func (s *Sim) sub(a *accountState, c *contact, name string) any {
	switch name {
	case "list_memberships":
		ids := make([]string, 0, len(c.lists))
		for _, l := range c.lists {
			ids = append(ids, l.id)
		}
		slices.Sort(ids)
		return ids
	case "custom_fields":
		return a.fieldsOf(c)
	}
	all := []resource{}
	for _, of := range subKinds {
		if of.name == name {
			for _, r := range *of.of(&c.profile.subResources) {
				all = append(all, s.shown(r))
			}
		}
	}
	return all
}

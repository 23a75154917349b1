package ccsim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// accountState is one account. Contacts are never forgotten: a deleted one
// keeps its address. What is looked up has an index, so that an account may have
// a million contacts.
type accountState struct {
	name       string
	contacts   []*contact // in order of creation, for paging
	byID       map[string]*contact
	byAddress  map[string]*contact
	lists      []*list // in order of creation
	listByID   map[string]*list
	activities []*activity // of the last ten days, in order of submission
	open       []*activity // those of them that have not ended
	lastEnd    time.Time   // when the last one that was not stuck ended
	fields     []*customField
	guard      guard

	privileges     []string // of the user who connected the account
	confirmedOptIn bool
}

func newAccount(name string) *accountState {
	return &accountState{
		name: name, byID: map[string]*contact{}, byAddress: map[string]*contact{}, listByID: map[string]*list{}, guard: newGuard(),
		privileges: privileges,
	}
}

// identity names a thing. A later thing has a higher serial number.
type identity struct {
	id     string
	serial int
}

func (i identity) place() int { return i.serial }

// The values of permission_to_send.
const (
	implicit     = "implicit"
	explicit     = "explicit"
	unsubscribed = "unsubscribed"
	pending      = "pending_confirmation"
	onHold       = "temp_hold"
	notSet       = "not_set"
)

// Who did something: the account, or the person.
const (
	byAccount = "Account"
	byPerson  = "Contact"
)

type contact struct {
	identity
	address        string // may be empty
	permission     string
	profile        profile
	createSource   string
	updateSource   string
	optInSource    string
	createdAt      time.Time
	updatedAt      time.Time
	emailUpdatedAt time.Time
	readdressedAt  time.Time // when it got another address
	optInAt        time.Time
	optOutAt       time.Time
	optOutSource   string
	optOutReason   string
	deletedAt      time.Time
	lists          []*list           // at most 50, in order of joining
	left           map[*list]leaving // lists that the person left by themselves and is not back on
}

func (c *contact) on(l *list) bool { return slices.Contains(c.lists, l) }

func (c *contact) deleted() bool { return !c.deletedAt.IsZero() }

func (c *contact) active() bool {
	return !c.deleted() && (c.permission == implicit || c.permission == explicit)
}

// listNames are sorted.
func (c *contact) listNames() []string {
	names := make([]string, 0, len(c.lists))
	for _, l := range c.lists {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return names
}

// status is the word of the status filter.
func (c *contact) status() string {
	switch {
	case c.deleted():
		return "deleted"
	case c.active():
		return "active"
	}
	return c.permission
}

type list struct {
	identity
	name, description    string
	favorite             bool
	createdAt, updatedAt time.Time
	deletedAt            time.Time
	members              map[*contact]bool
}

func (l *list) deleted() bool { return !l.deletedAt.IsZero() }

// list finds a list by its name.
func (a *accountState) list(name string) *list {
	for _, l := range a.lists {
		if !l.deleted() && l.name == name {
			return l
		}
	}
	return nil
}

// living finds lists by id; false when one is unknown or deleted.
func (a *accountState) living(ids []string) ([]*list, bool) {
	lists := make([]*list, 0, len(ids))
	for _, id := range ids {
		l := a.listByID[id]
		if l == nil || l.deleted() {
			return nil, false
		}
		lists = append(lists, l)
	}
	return lists, true
}

// onAny are contacts in order of creation, among them all that are on one of the
// lists. It is everybody when sorting the members would take longer than looking
// at everybody.
func (a *accountState) onAny(lists []*list) []*contact {
	n := 0
	for _, l := range lists {
		n += len(l.members)
	}
	if n > len(a.contacts)/8 {
		return a.contacts
	}
	found := make([]*contact, 0, n)
	for _, l := range lists {
		for c := range l.members {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(x, y *contact) int { return cmp.Compare(x.serial, y.serial) })
	return slices.Compact(found)
}

func (s *Sim) addContact(a *accountState, address, permission string) *contact {
	now := s.time()
	c := &contact{
		identity: s.identity(), address: normal(address), permission: permission, createdAt: now, updatedAt: now, emailUpdatedAt: now, optInAt: now,
		createSource: byAccount, updateSource: byAccount, optInSource: byAccount,
	}
	a.contacts = append(a.contacts, c)
	a.byID[c.id] = c
	if c.address != "" {
		a.byAddress[c.address] = c
	}
	return c
}

// readdress gives a contact another address, or none.
func (s *Sim) readdress(a *accountState, c *contact, address string) {
	delete(a.byAddress, c.address)
	c.address, c.emailUpdatedAt, c.readdressedAt = normal(address), s.time(), s.time()
	if c.address != "" {
		a.byAddress[c.address] = c
	}
}

func (s *Sim) addList(a *accountState, in listInput) *list {
	now := s.time()
	l := &list{
		identity: s.identity(), name: in.Name, description: in.Description, favorite: in.Favorite, createdAt: now, updatedAt: now,
		members: map[*contact]bool{},
	}
	a.lists = append(a.lists, l)
	a.listByID[l.id] = l
	return l
}

// dropList deletes a list. Its members stay contacts.
func (s *Sim) dropList(l *list) {
	for c := range l.members {
		s.quit(c, l)
	}
	l.deletedAt = s.time()
}

// join puts a contact on a list, whoever took it off before.
func (s *Sim) join(c *contact, l *list) {
	if c.on(l) {
		return
	}
	c.lists = append(c.lists, l)
	l.members[c] = true
	delete(c.left, l)
	s.membershipMoved(c)
}

func (s *Sim) quit(c *contact, l *list) {
	i := slices.Index(c.lists, l)
	if i < 0 {
		return
	}
	c.lists = slices.Delete(c.lists, i, i+1)
	delete(l.members, c)
	s.membershipMoved(c)
}

func (s *Sim) quitAll(c *contact) {
	for _, l := range slices.Clone(c.lists) {
		s.quit(c, l)
	}
}

func (s *Sim) membershipMoved(c *contact) {
	if s.switches.MembershipMovesUpdatedAt {
		c.updatedAt = s.time()
	}
}

// remove deletes a contact softly.
func (s *Sim) remove(c *contact) {
	s.quitAll(c)
	c.deletedAt = s.time()
}

func (s *Sim) unsubscribe(c *contact, source string) {
	c.permission, c.optOutAt, c.optOutSource, c.optOutReason = unsubscribed, s.time(), source, ""
	c.emailUpdatedAt = c.optOutAt // and not updatedAt: that is the vendor's trap
	if !s.switches.UnsubscribedKeepLists {
		s.quitAll(c)
	}
}

// permit gives a contact a permission other than unsubscribed.
func (s *Sim) permit(c *contact, permission string) {
	c.permission, c.emailUpdatedAt, c.optInAt = permission, s.time(), s.time()
	c.optOutAt, c.optOutSource, c.optOutReason = time.Time{}, "", ""
}

func (s *Sim) nameTaken(a *accountState, name string, but *list) bool {
	for _, l := range a.lists {
		same := strings.EqualFold(strings.TrimSpace(l.name), strings.TrimSpace(name))
		if s.switches.ListNamesCaseSensitive {
			same = l.name == name
		}
		if l != but && !l.deleted() && same {
			return true
		}
	}
	return false
}

func normal(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// wellFormed is the vendor's check of an address, as far as it is known.
func wellFormed(address string) bool {
	address = strings.TrimSpace(address)
	local, domain, found := strings.Cut(address, "@")
	return found && local != "" && strings.Contains(domain, ".") && !strings.ContainsAny(address, " ,;<>()[]") &&
		!strings.Contains(domain, "@") && !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".")
}

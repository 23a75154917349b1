package ccsim

import (
	"fmt"
	"slices"
	"time"
)

// ContactView is a contact as a person sees it.
type ContactView struct {
	Address string   `json:"address"`
	State   string   `json:"state"` // active, deleted, unsubscribed, pending_confirmation, temp_hold or not_set
	Lists   []string `json:"lists"` // names, sorted
}

// with runs do on an account after the activities that are due.
func (s *Sim) with(account string, do func(*accountState) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[account]
	if a == nil {
		return fmt.Errorf("find account %q: there is none", account)
	}
	s.settle(a)
	return do(a)
}

// withContact runs do on a contact in whatever state.
func (s *Sim) withContact(account, address string, do func(*accountState, *contact) error) error {
	return s.with(account, func(a *accountState) error {
		c := a.byAddress[normal(address)]
		if c == nil {
			return fmt.Errorf("find contact in account %q: no contact has the address", account)
		}
		return do(a, c)
	})
}

// withList runs do on a list that is not deleted.
func (s *Sim) withList(account, name string, do func(*accountState, *list) error) error {
	return s.with(account, func(a *accountState) error {
		l := a.list(name)
		if l == nil {
			return fmt.Errorf("find list %q: there is none", name)
		}
		return do(a, l)
	})
}

// ListAddresses are the addresses on a list, sorted; none when there is no such
// account or list.
func (s *Sim) ListAddresses(account, listName string) []string {
	addresses := []string{}
	_ = s.withList(account, listName, func(_ *accountState, l *list) error {
		for c := range l.members {
			addresses = append(addresses, c.address)
		}
		return nil
	})
	slices.Sort(addresses)
	return addresses
}

// ListNames are the names of an account's lists, sorted.
func (s *Sim) ListNames(account string) []string {
	names := []string{}
	_ = s.with(account, func(a *accountState) error {
		for _, l := range a.lists {
			if !l.deleted() {
				names = append(names, l.name)
			}
		}
		return nil
	})
	slices.Sort(names)
	return names
}

// Contacts are all contacts of an account in order of creation, deleted ones
// included.
func (s *Sim) Contacts(account string) []ContactView {
	views := []ContactView{}
	_ = s.with(account, func(a *accountState) error {
		for _, c := range a.contacts {
			views = append(views, ContactView{Address: c.address, State: c.status(), Lists: c.listNames()})
		}
		return nil
	})
	return views
}

// Unsubscribe is the person following the link in a mail.
func (s *Sim) Unsubscribe(account, address string) error {
	return s.withContact(account, address, func(_ *accountState, c *contact) error {
		s.unsubscribe(c, byPerson)
		return nil
	})
}

// Resubscribe is the person opting in again. It puts them on no list.
func (s *Sim) Resubscribe(account, address string) error {
	return s.SetPermission(account, address, explicit)
}

// SetPermission is Constant Contact holding a contact (temp_hold), awaiting its
// confirmation (pending_confirmation), having no permission recorded (not_set),
// or letting it be mailed (implicit, explicit). Lists stay as they are.
func (s *Sim) SetPermission(account, address, permission string) error {
	if permission == unsubscribed || permission == "" || !slices.Contains(permissions, permission) {
		return fmt.Errorf("set permission: %q is not one of them", permission)
	}
	return s.withContact(account, address, func(_ *accountState, c *contact) error {
		s.permit(c, permission)
		return nil
	})
}

// Leave is the person choosing to be on one list no more.
func (s *Sim) Leave(account, address, listName string) error {
	return s.withContact(account, address, func(a *accountState, c *contact) error {
		l := a.list(listName)
		if l == nil || !c.on(l) {
			return fmt.Errorf("leave list %q: the contact is not on it", listName)
		}
		s.quit(c, l)
		if c.left == nil {
			c.left = map[*list]leaving{}
		}
		c.left[l] = leaving{at: s.time()}
		return nil
	})
}

// DeleteContact is the office deleting a contact.
func (s *Sim) DeleteContact(account, address string) error {
	return s.withContact(account, address, func(_ *accountState, c *contact) error {
		s.remove(c)
		return nil
	})
}

// AddContact is the office making a contact by hand, or putting one that exists
// on lists. Somebody who left a list and is put back so has not left it.
func (s *Sim) AddContact(account, address string, listNames ...string) error {
	return s.with(account, func(a *accountState) error {
		var lists []*list
		for _, name := range listNames {
			l := a.list(name)
			if l == nil {
				return fmt.Errorf("add contact: there is no list %q", name)
			}
			lists = append(lists, l)
		}
		c := a.byAddress[normal(address)]
		if c == nil {
			c = s.addContact(a, address, implicit)
		}
		if c.permission == unsubscribed {
			return fmt.Errorf("add contact %s: unsubscribed", c.id)
		}
		c.deletedAt = time.Time{}
		for _, l := range lists {
			s.join(c, l)
		}
		return nil
	})
}

// EditAddress is the office correcting an address.
func (s *Sim) EditAddress(account, old, address string) error {
	return s.withContact(account, old, func(a *accountState, c *contact) error {
		if other := a.byAddress[normal(address)]; other != nil && other != c {
			return fmt.Errorf("edit address of contact %s: contact %s has it", c.id, other.id)
		}
		s.readdress(a, c, address)
		c.updatedAt = s.time()
		return nil
	})
}

// EditFields is the office changing fields of a contact. They are named as the
// columns of an import; an empty text clears.
func (s *Sim) EditFields(account, address string, fields map[string]any) error {
	return s.withContact(account, address, func(a *accountState, c *contact) error {
		if broken := row(fields).broken(); broken != "" {
			return fmt.Errorf("edit contact %s: %s does not have a valid value", c.id, broken)
		}
		c.profile.take(fields, false)
		a.takeFields(c, fields, false)
		s.complete(c, byAccount)
		c.updatedAt = s.time()
		return nil
	})
}

// CreateList is the office making a list.
func (s *Sim) CreateList(account, name string) error {
	return s.with(account, func(a *accountState) error {
		if s.nameTaken(a, name, nil) {
			return fmt.Errorf("create list %q: the name is taken", name)
		}
		s.addList(a, listInput{Name: name})
		return nil
	})
}

// RenameList is the office renaming a list.
func (s *Sim) RenameList(account, old, name string) error {
	return s.withList(account, old, func(a *accountState, l *list) error {
		if s.nameTaken(a, name, l) {
			return fmt.Errorf("rename list %q: the name %q is taken", old, name)
		}
		l.name, l.updatedAt = name, s.time()
		return nil
	})
}

// DeleteList is the office deleting a list; at once, unlike the API.
func (s *Sim) DeleteList(account, name string) error {
	return s.withList(account, name, func(_ *accountState, l *list) error {
		s.dropList(l)
		return nil
	})
}

// SetDelay sets how long activities take that are made from now on.
func (s *Sim) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Hold keeps activities in processing until it is called with false.
func (s *Sim) Hold(hold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleAll()
	if s.held && !hold {
		s.releasedAt = s.time()
	}
	s.held = hold
}

// AddNote is the office writing a note on a contact. No client of a membership
// sync may lose it.
func (s *Sim) AddNote(account, address, text string) error {
	return s.withContact(account, address, func(_ *accountState, c *contact) error {
		c.profile.Notes = append(slices.Clone(c.profile.Notes), resource{"content": text})
		s.complete(c, byAccount)
		return nil
	})
}

// Contact is a contact as the API shows it with everything included.
func (s *Sim) Contact(account, address string) (shown map[string]any, err error) {
	err = s.withContact(account, address, func(a *accountState, c *contact) error {
		shown = s.contactBody(a, c, includes)
		return nil
	})
	return shown, err
}

// Skew makes the vendor's clock show another time than ours, by d: in all times
// that are shown, in the filters of times, and in when its day begins. What
// takes time takes as long as before.
func (s *Sim) Skew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = d
}

// Advance moves the simulated clock ahead of the one handed in.
func (s *Sim) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

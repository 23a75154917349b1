package ccsim

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
)

const many = 100_000

// crowd is a world with many contacts, of whom ten are on a list.
func crowd(t *testing.T) (w *world, a *accountState, few *list) {
	t.Helper()
	w = newWorld(t, Switches{})
	w.list("Few")
	a = w.accounts[account]
	few = a.list("Few")
	for i := range many {
		c := w.addContact(a, fmt.Sprintf("p%05d@example.org", i), implicit)
		if i%(many/10) == 0 {
			w.join(c, few)
		}
	}
	return w, a, few
}

// What asks for certain people finds them by an index: it does not need the
// slice of everybody, which is taken away here.
func TestCertainPeopleAreNotSearchedFor(t *testing.T) {
	w, a, few := crowd(t)
	last := a.contacts[many-1]
	if got := len(a.onAny([]*list{few})); got != 10 {
		t.Fatalf("%d contacts are looked at for a list of 10", got)
	}
	everybody := a.contacts
	a.contacts = nil

	o := w.get(200, "GET", "/v3/contacts?status=all&email="+last.address, "")
	if got := o.all("contacts", "contact_id"); !slices.Equal(got, []string{last.id}) {
		t.Errorf("by address: %v", got)
	}
	w.call(200, "GET", "/v3/contacts/"+last.id, "")
	w.call(200, "PUT", "/v3/contacts/"+last.id, `{"update_source":"Account"}`)
	w.call(409, "POST", "/v3/contacts", `{"create_source":"Account","email_address":{"address":"`+last.address+`"}}`)
	w.run("/v3/activities/add_list_memberships", change(few.id, last.id))
	w.run("/v3/activities/remove_list_memberships", change(few.id, everybody[0].id))
	w.run(importPath, people(few.id, person("p00001@example.org")))
	if got := w.ListAddresses(account, "Few"); len(got) != 11 || got[0] != "p00001@example.org" || got[10] != last.address {
		t.Errorf("on the list: %v", got)
	}
	act := w.run("/v3/activities/contact_exports", `{"contact_ids":["`+last.id+`","none"],"fields":["email_address"]}`)
	if got := w.call(200, "GET", act.text("_links", "results", "href"), ""); got != "Email address\n"+last.address+"\n" {
		t.Errorf("export %q", got)
	}
	w.must(w.Leave(account, last.address, "Few"))
	w.must(w.Unsubscribe(account, last.address))
	if len(a.contacts) != 0 {
		t.Errorf("%d contacts were made", len(a.contacts))
	}

	a.contacts = everybody
	if all := a.onAny([]*list{few}); len(all) != 10 {
		t.Errorf("%d contacts are looked at for a list of 10", len(all))
	}
}

// pages reads to the end, with something happening after each page.
func (w *world) pages(target string, between func(page int)) (addresses []string) {
	w.t.Helper()
	for page := 1; target != ""; page++ {
		o := w.get(http.StatusOK, "GET", target, "")
		for _, row := range o.at("contacts").([]any) {
			addresses = append(addresses, obj(row.(map[string]any)).text("email_address", "address"))
		}
		between(page)
		target = o.text("_links", "next", "href")
	}
	return addresses
}

// Whoever is there all the time is read once, whatever happens between pages.
func TestPagesAreStable(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	var stay []string
	for i := range 60 {
		address := fmt.Sprintf("p%02d@example.org", i)
		w.contact(address, "Members")
		if i%3 == 0 {
			stay = append(stay, address)
		}
	}
	got := w.pages("/v3/contacts?status=active&limit=7&lists="+list, func(page int) {
		// Some before and some behind the cursor go, by each way there is.
		for _, i := range []int{3*page - 2, 60 - 3*page + 1} {
			address := fmt.Sprintf("p%02d@example.org", i)
			if !slices.Contains(w.ListAddresses(account, "Members"), address) {
				continue
			}
			switch page % 3 {
			case 0:
				w.must(w.Unsubscribe(account, address))
			case 1:
				w.must(w.DeleteContact(account, address))
			case 2:
				w.must(w.Leave(account, address, "Members"))
			}
		}
		w.contact(fmt.Sprintf("new%02d@example.org", page)) // not on the list
	})
	for _, address := range stay {
		n := len(slices.DeleteFunc(slices.Clone(got), func(a string) bool { return a != address }))
		if n != 1 {
			t.Errorf("%s was read %d times", address, n)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Error("somebody was read twice")
	}
}

// The members of a small list come from an index, those of a large one from
// everybody. A list may become the other between two pages.
func TestPagesOfAListThatGrows(t *testing.T) {
	w := newWorld(t, Switches{})
	list := w.list("Members")
	var want []string
	for i := range 90 {
		address := fmt.Sprintf("p%02d@example.org", i)
		w.contact(address)
		if i%9 == 0 {
			w.contact(address, "Members")
			want = append(want, address)
		}
	}
	a := w.accounts[account]
	looked := []int{}
	got := w.pages("/v3/contacts?limit=2&lists="+list, func(page int) {
		looked = append(looked, len(a.onAny(a.lists)))
		if page == 2 {
			for i := range 10 { // before the cursor
				w.contact(fmt.Sprintf("p%02d@example.org", i), "Members")
			}
		}
	})
	if !slices.Equal(got, want) {
		t.Errorf("read %v", got)
	}
	if looked[0] != 10 || looked[len(looked)-1] != 90 {
		t.Errorf("looked at %v contacts: both ways were to be used", looked)
	}
}

package reconcile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall/cdc"
)

const invalidAddress = `[{"error_key":"contacts.api.validation.error","error_message":"Email address is invalid"}]`

// Whoever a request about them alone refuses is put aside: they are tried once more after
// 49 hours, and not each day again.
func TestWhoeverIsRefusedByThemselvesIsPutAside(t *testing.T) {
	for path, address := range map[string]string{
		"/v3/contacts": "a." + strings.Repeat("b", 40) + "@a-rather-long-name.example.org", // too long for an import
		importPath:     "info@example.org",
	} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			requests := w.answerWith(path, 400, invalidAddress, always)
			w.change(cdc.KindAll, "", newRep, address)
			w.quietly(48*time.Hour, time.Hour)
			if *requests != 1 || w.refused() != address {
				t.Errorf("%d requests in 48 hours, want one; put aside: %s", *requests, w.refused())
			}
			w.quietly(3*time.Hour, time.Hour)
			if *requests != 2 {
				t.Errorf("%d requests in 51 hours, want two", *requests)
			}
		})
	}
}

// An import that is refused as a whole because of some people is sent in parts until
// these are known: they are put aside, and hold up nobody else. Nobody is on more than
// the day's five rows for that.
func TestWhoHasAWholeImportRefusedHoldsUpNobody(t *testing.T) {
	for _, c := range []struct{ people, refused, most int }{{2, 1, 3}, {9, 1, 8}, {60, 3, 40}, {200, 1, 20}} {
		t.Run(fmt.Sprintf("%d of %d", c.refused, c.people), func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			w.sim.Reset()
			requests := w.answerWith(importPath, 400, invalidAddress, func(body string) bool { return strings.Contains(body, "refused") })
			var bad, good []any
			for i := range c.people {
				if address := fmt.Sprintf("refused%03d@example.org", i); i%25 == 1 && len(bad) < c.refused {
					w.exec(newRep, address)
					bad = append(bad, address)
				} else {
					address = fmt.Sprintf("new%03d@example.org", i)
					w.exec(newRep, address)
					good = append(good, address)
				}
			}
			w.touch(cdc.KindAll, "")
			w.quietly(time.Minute, 5*time.Second)
			w.on(everybody, append(reps(1, 20), good...)...)
			w.on("Gold", append(reps(1, 20), good...)...)
			if got, want := w.refused(), strings.Trim(fmt.Sprint(bad), "[]"); got != want {
				t.Errorf("put aside: %s, want %s", got, want)
			}
			if n := *requests + w.sim.Counts()["POST /v3/activities/"+importPath]; n > c.most {
				t.Errorf("%d imports, want %d at most", n, c.most)
			}
			if n := value[int](w, "select max(cardinality(imported_at)) from rollcall_state.contact"); n > 5 {
				t.Errorf("somebody is on %d rows", n)
			}
			w.referee()
		})
	}
}

// Where every import is refused it is not for the people: nobody is put aside, and few
// calls are spent until that is over.
func TestNobodyIsPutAsideWhileEveryImportIsRefused(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	over := false
	requests := w.answerWith(importPath, 422, invalidAddress, func(string) bool { return !over })
	for i := range 12 {
		w.exec(newRep, fmt.Sprintf("new%02d@example.org", i))
	}
	w.touch(cdc.KindAll, "")
	w.quietly(25*time.Minute, 10*time.Second)
	if *requests > 15 || w.refused() != "" {
		t.Errorf("%d imports in 25 minutes; put aside: %s", *requests, w.refused())
	}
	over = true
	w.quietly(24*time.Hour, 5*time.Minute)
	if n := len(w.sim.ListAddresses(account, everybody)); n != 32 {
		t.Errorf("%d people are on the list a day later, want 32", n)
	}
}

// The same where people are made by calls about them alone, because of their addresses.
func TestNobodyIsPutAsideWhileEveryContactIsRefused(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	over := false
	requests := w.answerWith("/v3/contacts", 400, invalidAddress, func(string) bool { return !over })
	for i := range 6 {
		w.exec(newRep, fmt.Sprintf("a%d.%s@a-rather-long-name.example.org", i, strings.Repeat("b", 40)))
	}
	w.touch(cdc.KindAll, "")
	w.quietly(9*time.Minute, 10*time.Second)
	if *requests != 6 || w.refused() != "" {
		t.Errorf("%d requests in 9 minutes, want 6; put aside: %s", *requests, w.refused())
	}
	over = true
	w.quietly(time.Hour, time.Minute)
	if n := len(w.sim.ListAddresses(account, everybody)); n != 26 {
		t.Errorf("%d people are on the list an hour later, want 26", n)
	}
}

// What a list change with a contact that is gone is answered is not documented. Where
// that is a refusal of the whole call, the others who opted out are taken off all the
// same.
func TestOptOutsWithOneContactThatIsGone(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound} {
		for name, c := range map[string]struct {
			people int
			spent  bool // but for opt-outs, the day has no calls left
		}{"few": {people: 20}, "many": {people: 40}, "many, with no ordinary calls": {40, true}} {
			t.Run(fmt.Sprint(name, ", ", status), func(t *testing.T) {
				people := c.people
				w := newWorld(t, noon)
				for i := range 40 {
					w.exec(newRep, fmt.Sprintf("new%02d@example.org", i))
				}
				w.settle()
				w.reconcile() // all have ids now
				id := value[string](w, "select contact_id from rollcall_state.contact where address = 'new05@example.org'")
				w.do(w.sim.DeleteContact(account, "new05@example.org"))
				requests := w.answerWith("remove_list_memberships", status, `[{"error_key":"activities.api.validation.error","error_message":"contact_ids has an unknown id"}]`,
					func(body string) bool { return strings.Contains(body, id) })
				if c.spent {
					w.spendOrdinaryCalls()
				}
				w.change(cdc.KindAll, "", "update chamber.rep set opted_out = true where email like 'new%' and email < $1", fmt.Sprintf("new%02d@example.org", people))
				w.quietly(2*time.Minute, 5*time.Second)
				want := reps(1, 20)
				for i := people; i < 40; i++ {
					want = append(want, fmt.Sprintf("new%02d@example.org", i))
				}
				w.on(everybody, want...)
				// Of few, the one who is gone is seen before.
				if refused := *requests > 0; refused != (people == 40) {
					t.Errorf("%d calls were refused", *requests)
				}
			})
		}
	}
}

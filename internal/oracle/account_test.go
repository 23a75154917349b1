package oracle

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"rollcall/internal/ccsim"
)

// account is the simulated Constant Contact account of one check, with an eye
// of its own: a token by which the oracle looks at it as a client would.
type account struct {
	sim   *ccsim.Sim
	http  http.Handler
	looks int
}

const (
	accountName = "chamber"
	ourToken    = "ours"
)

func newAccount(now func() time.Time, switches ccsim.Switches) *account {
	a := &account{sim: ccsim.New(ccsim.Config{Now: now, Delay: activityDelay, Switches: switches})}
	a.sim.AddAccount(accountName, "key", ourToken)
	a.http = a.sim.Handler()
	return a
}

// contact is one contact as the API shows it.
type contact struct {
	ID      string `json:"contact_id"`
	Deleted string `json:"deleted_at"`
	Email   struct {
		Address    string `json:"address"`
		Permission string `json:"permission_to_send"`
	} `json:"email_address"`
	Lists     []string `json:"list_memberships"`
	FirstName string   `json:"first_name"`
	JobTitle  string   `json:"job_title"`
}

func (c *contact) active() bool {
	return c != nil && c.Deleted == "" && (c.Email.Permission == "implicit" || c.Email.Permission == "explicit")
}

func (c *contact) on(listID string) bool { return c != nil && slices.Contains(c.Lists, listID) }

// picture is what the account shows at one moment.
type picture struct {
	contacts  []*contact
	byID      map[string]*contact
	byAddress map[string]*contact
	lists     map[string]string // id → name
	states    map[string]string // activity id → state
	newest    string            // activity id
}

// look takes a picture. Every look has a key of its own, so that it is held
// against nobody's limit.
func (a *account) look() *picture {
	a.looks++
	token := fmt.Sprintf("oracle-%d", a.looks)
	a.sim.AddAccount(accountName, token, token)
	var contacts struct {
		Contacts []*contact `json:"contacts"`
	}
	var lists struct {
		Lists []struct {
			ID   string `json:"list_id"`
			Name string `json:"name"`
		} `json:"lists"`
	}
	var activities struct {
		Activities []struct {
			ID    string `json:"activity_id"`
			State string `json:"state"`
		} `json:"activities"`
	}
	a.get(token, "/v3/contacts?status=all&limit=500&include=list_memberships", &contacts)
	a.get(token, "/v3/contact_lists?limit=500&status=active", &lists)
	a.get(token, "/v3/activities?limit=500", &activities)
	p := &picture{
		contacts: contacts.Contacts, byID: map[string]*contact{}, byAddress: map[string]*contact{}, lists: map[string]string{}, states: map[string]string{},
	}
	for _, c := range contacts.Contacts {
		p.byID[c.ID] = c
		if c.Email.Address != "" {
			p.byAddress[strings.ToLower(c.Email.Address)] = c
		}
	}
	for _, l := range lists.Lists {
		p.lists[l.ID] = l.Name
	}
	for _, act := range activities.Activities {
		p.states[act.ID] = act.State
		p.newest = max(p.newest, act.ID)
	}
	return p
}

func (p *picture) on(address, listID string) bool { return p.byAddress[address].on(listID) }

func (a *account) get(token, target string, into any) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("User-Agent", "oracle")
	w := httptest.NewRecorder()
	a.http.ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil || w.Code != http.StatusOK {
		panic(fmt.Sprintf("look at the simulator: %s: %d %v", target, w.Code, err))
	}
}

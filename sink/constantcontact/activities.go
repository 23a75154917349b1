package constantcontact

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The kinds of activity that Clean and Matches tell apart.
const (
	KindImport = "import"
	KindAdd    = "add"
	KindRemove = "remove"
)

// The states of an activity that has ended.
const (
	StateCompleted = "completed"
	StateCancelled = "cancelled"
	StateFailed    = "failed"
	StateTimedOut  = "timed_out"
)

// Activity is one asynchronous bulk change. It does not say of what kind it is
// or whom it names.
type Activity struct {
	ID        string
	State     string // initialized, processing or one of the ended states
	CreatedAt time.Time
	// Errors are the vendor's words without e-mail addresses. They may have
	// other data of people: count them, do not log them.
	Errors []string
	// ResultID names the file of an export, see Export.
	ResultID string

	counters map[string]int
}

// activityBody reads the counters into a map because which of them are present
// depends on the kind of activity and on how far it is. Parts in a form that is not
// known are passed over: a listing has everybody's activities, and one must not hide
// the others.
type activityBody struct {
	ID        string                             `json:"activity_id"`
	State     string                             `json:"state"`
	CreatedAt timestamp                          `json:"created_at"`
	Errors    either[[]json.RawMessage]          `json:"activity_errors"`
	Status    either[map[string]*number]         `json:"status"`
	Links     either[map[string]json.RawMessage] `json:"_links"`
}

// either is a value of the type, or of another form.
type either[T any] struct {
	value T
	other bool
}

// UnmarshalJSON never fails.
func (e *either[T]) UnmarshalJSON(raw []byte) error {
	var value T
	if e.other = json.Unmarshal(raw, &value) != nil; !e.other {
		e.value = value
	}
	return nil
}

// number is a count; what is not a whole number is read as absent.
type number struct {
	n  int
	ok bool
}

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(raw []byte) error {
	n.ok = json.Unmarshal(raw, &n.n) == nil
	return nil
}

func (b activityBody) activity() (Activity, error) {
	if b.ID == "" {
		return Activity{}, fmt.Errorf("%w: an activity has no id", ErrIncomplete)
	}
	a := Activity{ID: b.ID, State: b.State, CreatedAt: b.CreatedAt.Time, counters: map[string]int{}}
	var results struct {
		Href string `json:"href"`
	}
	_ = json.Unmarshal(b.Links.value["results"], &results) // in another form there is none
	if _, id, found := strings.Cut(results.Href, "/contact_exports/"); found && !strings.ContainsAny(id, "/?#") {
		a.ResultID = id
	}
	for name, count := range b.Status.value {
		if count != nil && count.ok {
			a.counters[name] = count.n
		}
	}
	if b.Errors.other {
		a.Errors = []string{"errors in a form that is not known"}
	}
	for _, raw := range b.Errors.value {
		var text string
		var object struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(raw, &text) != nil && json.Unmarshal(raw, &object) == nil {
			text = object.Message
		}
		a.Errors = append(a.Errors, scrub(text))
	}
	return a, nil
}

// Counters returns the counters that the vendor gave, by its names.
func (a Activity) Counters() map[string]int { return a.counters }

// Ended says that the activity will not change any more. A state not known here
// has not ended.
func (a Activity) Ended() bool {
	switch a.State {
	case StateCompleted, StateCancelled, StateFailed, StateTimedOut:
		return true
	}
	return false
}

// is says that a counter was given and has the value.
func (a Activity) is(counter string, value int) bool {
	got, given := a.counters[counter]
	return given && got == value
}

// isOrAbsent says that a counter has the value, or was not given.
func (a Activity) isOrAbsent(counter string, value int) bool {
	got, given := a.counters[counter]
	return !given || got == value
}

// Clean says that the activity completed and that its counters account for all
// n people without a complaint. A counter that this needs and that is absent
// makes it not clean. A clean list change does not prove that everybody can be
// mailed: how the API counts contacts that it left out is not documented.
func (a Activity) Clean(kind string, n int) bool {
	if a.State != StateCompleted || len(a.Errors) > 0 {
		return false
	}
	switch kind {
	case KindImport:
		return a.is("person_count", n) && a.is("error_count", 0) && a.is("correctable_count", 0) && a.is("cannot_add_to_list_count", 0)
	case KindAdd, KindRemove:
		return a.is("items_total_count", n) && a.is("items_completed_count", n) &&
			a.isOrAbsent("error_count", 0) && a.isOrAbsent("correctable_count", 0) && a.isOrAbsent("cannot_add_to_list_count", 0)
	}
	return false
}

// Matches says whether an ended activity can be that of a call with these
// counts, whose reply was lost. An addition and a removal look alike. The
// rows of an import are counted with a header.
func (a Activity) Matches(kind string, people, lists int) bool {
	switch kind {
	case KindImport:
		return a.is("person_count", people) && a.isOrAbsent("items_total_count", people+1)
	case KindAdd, KindRemove:
		return a.is("items_total_count", people) && a.isOrAbsent("person_count", 0) && a.isOrAbsent("list_count", lists)
	}
	return false
}

// Activities hands the activities of the last ten days to take, page by page
// and in no documented order. There is no filter: one for the first state,
// initialized, does not exist. take may return ErrStop.
//
// API docs: /v3/activities GET
func (c *Client) Activities(ctx context.Context, take func([]Activity) error) error {
	return eachPage(ctx, c, opActivities, url.Values{"limit": {pageSize}}, "activities", activityBody.activity, take)
}

// Activity reads one activity. One that is unknown, or older than ten days, is
// an APIError of class Missing.
//
// API docs: /v3/activities/{activity_id} GET
func (c *Client) Activity(ctx context.Context, id string) (Activity, error) {
	if err := needID(opActivity, id); err != nil {
		return Activity{}, err
	}
	return c.sendActivity(ctx, request{op: opActivity, target: c.at(opActivity, id, nil)})
}

// AddListMemberships puts contacts that exist on lists. It changes no
// permission.
//
// API docs: /v3/activities/add_list_memberships POST
func (c *Client) AddListMemberships(ctx context.Context, contactIDs, listIDs []string) (Activity, error) {
	return c.changeMemberships(ctx, opAddMemberships, contactIDs, listIDs)
}

// RemoveListMemberships takes contacts off lists. They stay contacts and stay
// subscribed.
//
// API docs: /v3/activities/remove_list_memberships POST
func (c *Client) RemoveListMemberships(ctx context.Context, contactIDs, listIDs []string) (Activity, error) {
	return c.changeMemberships(ctx, opRemoveMemberships, contactIDs, listIDs)
}

func (c *Client) changeMemberships(ctx context.Context, op Endpoint, contactIDs, listIDs []string) (Activity, error) {
	err := within(op.words(), -1,
		limit{"contact ids", len(contactIDs), 1, MaxMembershipIDs},
		limit{"lists", len(listIDs), 1, MaxMembershipLists})
	if err != nil {
		return Activity{}, err
	}
	type source struct {
		ContactIDs []string `json:"contact_ids"`
	}
	body := encode(struct {
		Source  source   `json:"source"`
		ListIDs []string `json:"list_ids"`
	}{source{contactIDs}, listIDs})
	return c.sendActivity(ctx, request{op: op, target: c.at(op, "", nil), body: body})
}

// sendActivity sends a request that is answered by an activity.
func (c *Client) sendActivity(ctx context.Context, r request) (Activity, error) {
	return fetch(ctx, c, r, activityBody.activity)
}

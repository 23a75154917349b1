package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"rollcall/cdc"
	"rollcall/internal/ccsim"
)

const queueFull = `[{"error_key":"activities.api.queue","error_message":"You exceeded 1,000 queued activities for this user account."}]`

// Requests that were not done, because the queue was full or Constant Contact was away
// for some minutes, do not use up the five writes of an address: what they were to do
// is done when that is over, not the next day.
func TestRequestsThatWereNotDoneUseUpNoRows(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"full queue": {http.StatusTooManyRequests, queueFull},
		"throttled":  {http.StatusTooManyRequests, `{"error_key":"other","error_message":"Too Many Requests"}`},
		"away":       {http.StatusServiceUnavailable, ``},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, noon)
			w.settle()
			until := w.now.Add(15 * time.Minute)
			requests := w.answerWith(importPath, answer.status, answer.body, func(string) bool { return w.now.Before(until) })
			w.change(cdc.KindAll, "", newRep, "new@example.org")
			w.quietly(30*time.Minute, 15*time.Second)
			if *requests <= 5 {
				t.Fatalf("%d requests were not done, want more than the rows of a day", *requests)
			}
			w.on(everybody, append(reps(1, 20), "new@example.org")...)
		})
	}
}

// While the account's queue is full few calls are spent on finding that out.
func TestAFullQueueCostsFewCalls(t *testing.T) {
	w := newWorld(t, noon)
	w.settle()
	requests := w.answerWith(importPath, http.StatusTooManyRequests, queueFull, always)
	w.change(cdc.KindAll, "", newRep, "new@example.org")
	w.quietly(time.Hour, 5*time.Second)
	if *requests == 0 || *requests > 60 {
		t.Errorf("%d calls in an hour that the queue refused", *requests)
	}
}

// A list change whose activity fails each time is not sent without a pause: it would use
// up the day's calls. One for an opt-out is sent each minute.
func TestActivitiesThatFailEachTimeCostFewCalls(t *testing.T) {
	for _, kind := range []ccsim.FaultKind{ccsim.FaultActivityFailed, ccsim.FaultActivityTimedOut} {
		for name, c := range map[string]struct {
			path, statement string
			least, most     int
		}{
			"addition": {"add_list_memberships", "insert into chamber.group_membership (association_id, group_id, rep_id) values (1, 1, 15)", 3, 10},
			"removal":  {"remove_list_memberships", "update chamber.group_membership set disabled = true where rep_id = 5", 3, 10},
			"opt-out":  {"remove_list_memberships", "update chamber.rep set opted_out = true where rep_id = 5", 20, 35},
		} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				w := newWorld(t, noon)
				w.settle()
				w.sim.Reset()
				w.do(w.sim.Fault(ccsim.Fault{PathPrefix: "/v3/activities/" + c.path, Kind: kind, Count: 10_000}))
				w.change(cdc.KindAll, "", c.statement)
				w.quietly(30*time.Minute, 10*time.Second)
				if n := w.sim.Counts()["POST /v3/activities/"+c.path]; n < c.least || n > c.most {
					t.Errorf("%d requests in half an hour, want %d to %d", n, c.least, c.most)
				}
			})
		}
	}
}

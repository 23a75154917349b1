package ccsim

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"
)

const (
	activityLife = 10 * 24 * time.Hour // how long an activity can be asked for
	queueLimit   = 1000
)

// The states of an activity that can occur here.
const (
	initialized = "initialized"
	processing  = "processing"
	completed   = "completed"
	failed      = "failed"
	timedOut    = "timed_out"
)

type activity struct {
	identity
	state     string
	createdAt time.Time
	delay     time.Duration
	endedAt   time.Time
	ending    string // the state in which it ends
	faulty    bool   // completes, but not for everybody

	stuck      bool // stays in processing until it is released
	releasedAt time.Time
	apply      func(*activity) // the effect, of an activity that completes
	makes      map[string]bool // of an import: addresses that had no contact when it came
	counters   map[string]int
	errors     []string
	resultID   string
	result     []byte

	path    string    // of the request
	lists   []string  // that it named
	payload string    // hash of path and body
	fault   FaultKind // that the request met
}

// startedAt is when an activity begins to be processed.
func (act *activity) startedAt() time.Time { return act.createdAt.Add(act.delay / 4) }

// queue makes an activity. Its effect comes when its delay has passed, in the
// order in which activities were made.
func (s *Sim) queue(c *call, apply func(*activity)) *activity {
	act := &activity{
		identity: s.identity(), state: initialized, createdAt: s.time(), delay: s.delay, apply: apply, counters: map[string]int{},
		ending: c.fault.ending(), stuck: c.fault.Kind == FaultActivityStuck, faulty: c.fault.Kind == FaultActivityErrors,
		path: c.URL.Path, fault: c.fault.Kind,
	}
	var named struct {
		ListIDs []string `json:"list_ids"`
	}
	if c.decode(&named) {
		act.lists = named.ListIDs
	}
	sum := sha256.Sum256(append([]byte(act.path+"\n"), c.body...))
	act.payload = hex.EncodeToString(sum[:])
	c.account.activities = append(c.account.activities, act)
	c.account.open = append(c.account.open, act)
	return act
}

// submit queues an activity and answers it, unless too many wait. resultID is
// that of the file it will make, if any.
func (s *Sim) submit(c *call, resultID string, apply func(*activity)) answer {
	act, refused := s.accept(c, apply)
	if act == nil {
		return refused
	}
	act.resultID = resultID
	return answer{status: http.StatusCreated, body: s.activityBody(act)}
}

// accept queues an activity unless too many wait; then refused says so.
func (s *Sim) accept(c *call, apply func(*activity)) (act *activity, refused answer) {
	if len(c.account.open) >= queueLimit {
		return nil, problem(http.StatusTooManyRequests, "activities.api.queue_limit", "You exceeded 1,000 queued activities for this user account.")
	}
	return s.queue(c, apply), refused
}

// drops says whether an activity with errors leaves out a person: every third
// one, beginning with the first.
func (act *activity) drops(i int) bool { return act.faulty && i%3 == 0 }

// settle lets the account's activities get as far as the clock allows. Nobody
// looks at an account without it, so that it is as if they had worked in time.
// They end in the order in which they were made, but for those that are stuck.
func (s *Sim) settle(a *accountState) {
	now := s.time()
	for _, act := range a.open {
		if act.state == initialized && !now.Before(act.startedAt()) {
			act.state = processing
		}
	}
	waiting := a.open[:0]
	for i, act := range a.open {
		if act.stuck {
			waiting = append(waiting, act)
			continue
		}
		end := latest(act.createdAt.Add(act.delay), s.releasedAt, act.releasedAt, a.lastEnd)
		if s.held || end.After(now) {
			waiting = append(waiting, a.open[i:]...)
			break
		}
		act.endedAt, act.state, a.lastEnd = end, act.ending, end
		if act.ending == completed {
			s.effective = end
			act.apply(act)
			s.effective = time.Time{}
		}
		act.apply, act.makes = nil, nil
	}
	clear(a.open[len(waiting):])
	a.open = waiting
	for len(a.activities) > 0 && now.Sub(a.activities[0].createdAt) >= activityLife {
		a.activities = a.activities[1:]
	}
}

// ActivityView is an activity with the request that it came of.
type ActivityView struct {
	ID        string    `json:"activity_id"`
	Path      string    `json:"path"`     // of the request
	Lists     []string  `json:"list_ids"` // that the request named
	Payload   string    `json:"payload"`  // hash of path and body: two of the same asked for the same
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	EndedAt   time.Time `json:"ended_at"`        // zero: not yet
	Fault     FaultKind `json:"fault,omitempty"` // that the request met
}

// Activities are the activities of an account of the last ten days, in order of
// submission.
func (s *Sim) Activities(account string) []ActivityView {
	views := []ActivityView{}
	_ = s.with(account, func(a *accountState) error {
		for _, act := range a.activities {
			views = append(views, ActivityView{
				ID: act.id, Path: act.path, Lists: slices.Clone(act.lists), Payload: act.payload,
				State: act.state, CreatedAt: act.createdAt, EndedAt: act.endedAt, Fault: act.fault,
			})
		}
		return nil
	})
	return views
}

// Release lets the account's activities that are stuck go on.
func (s *Sim) Release(account string) error {
	return s.with(account, func(a *accountState) error {
		for _, act := range a.open {
			if act.stuck {
				act.stuck, act.releasedAt = false, s.time()
			}
		}
		s.settle(a)
		return nil
	})
}

func (s *Sim) settleAll() {
	for _, a := range s.accounts {
		s.settle(a)
	}
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// body is the activity as the API shows it. Counters come with the end.
func (s *Sim) activityBody(act *activity) map[string]any {
	links := map[string]any{"self": map[string]string{"href": "/v3/activities/" + act.id}}
	if act.resultID != "" {
		links["results"] = map[string]string{"href": "/v3/contact_exports/" + act.resultID}
	}
	body := map[string]any{
		"activity_id": act.id, "state": act.state, "created_at": s.stamp(act.createdAt), "updated_at": s.stamp(act.createdAt),
		"activity_errors": []string{}, "percent_done": 0, "_links": links,
	}
	if act.state == initialized {
		return body
	}
	body["started_at"], body["percent_done"] = s.stamp(act.startedAt()), 1
	if act.state == processing {
		return body
	}
	body["percent_done"], body["completed_at"], body["updated_at"] = 100, s.stamp(act.endedAt), s.stamp(act.endedAt)
	body["status"] = act.counters
	if len(act.errors) > 0 {
		body["activity_errors"] = act.errors
	}
	return body
}

func (s *Sim) getActivity(c *call) answer {
	for _, act := range c.account.activities {
		if act.id == c.PathValue("id") {
			return ok(s.activityBody(act))
		}
	}
	return notFound("activity_id")
}

func (s *Sim) getActivities(c *call) answer {
	q, err := c.query()
	if err != nil {
		return invalid("the query does not have a valid value")
	}
	state := q.Get("state")
	if !allIn([]string{state}, []string{"", processing, completed, "cancelled", failed, timedOut}) {
		return invalid("state does not have a valid value")
	}
	p := pager[*activity]{
		path: "/v3/activities", items: "activities", most: 500,
		match: func(act *activity) bool { return state == "" || state == act.state },
		body:  s.activityBody,
	}
	return p.page(c, q, c.account.activities)
}

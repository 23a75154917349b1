package ccsim

import (
	"maps"
	"time"
)

// Request is one request that the simulator saw, but for those to controls.
type Request struct {
	Method   string    `json:"method"`
	Path     string    `json:"path"`     // without query
	Endpoint string    `json:"endpoint"` // as in GET /v3/contacts/{id}; "/" for a path that the API does not have
	Status   int       `json:"status"`   // 0 when the answer was withheld
	At       time.Time `json:"at"`
	Key      string    `json:"key"`             // empty when the token is not known
	Bytes    int       `json:"bytes"`           // of the body
	Fault    FaultKind `json:"fault,omitempty"` // that it met
}

// requestsKept is how many requests are remembered.
const requestsKept = 100_000

// record remembers a request. The oldest go when there are twice as many as are
// shown, so that each is moved once at most.
func (s *Sim) record(r Request) {
	if len(s.requests) == 2*requestsKept {
		s.requests = append(s.requests[:0], s.requests[requestsKept:]...)
	}
	s.requests = append(s.requests, r)
	s.counts[r.Endpoint]++
}

// Requests are the requests of the API since the start or Reset, the last
// 100,000.
func (s *Sim) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request{}, s.requests[max(0, len(s.requests)-requestsKept):]...)
}

// Counts are the numbers of all requests since the start or Reset by endpoint.
func (s *Sim) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Reset forgets requests, violations and faults. Accounts stay as they are.
func (s *Sim) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleAll()
	s.requests, s.violations, s.faults, s.random = nil, nil, nil, nil
	clear(s.counts)
}

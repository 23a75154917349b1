package ccsim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// The kinds of fault. Those that are answers of the vendor's front leave the
// request undone; FaultTruncated, FaultResetAfter and FaultSlow do it.
const (
	FaultThrottled    FaultKind = "throttled"    // 429 of the limit of a second
	FaultQuota        FaultKind = "quota"        // 429 of the limit of a day
	FaultUnauthorized FaultKind = "unauthorized" // 401
	Fault500          FaultKind = "500"
	Fault503          FaultKind = "503"
	FaultHTML502      FaultKind = "html502"      // a proxy's page
	FaultTruncated    FaultKind = "truncated"    // done, but half of the answer's body
	FaultResetBefore  FaultKind = "reset_before" // connection cut, nothing done
	FaultResetAfter   FaultKind = "reset_after"  // connection cut, all done
	FaultSlow         FaultKind = "slow"         // done, answered after Delay

	FaultActivityFailed   FaultKind = "activity_failed"    // accepted; the activity ends as failed, without effect
	FaultActivityTimedOut FaultKind = "activity_timed_out" // accepted; the activity ends as timed_out, without effect
)

var faultKinds = []FaultKind{
	FaultThrottled, FaultQuota, FaultUnauthorized, Fault500, Fault503, FaultHTML502, FaultTruncated, FaultResetBefore, FaultResetAfter,
	FaultSlow, FaultActivityFailed, FaultActivityTimedOut,
}

// Fault spoils the next Count requests that match it.
type Fault struct {
	Method     string // empty matches every method
	PathPrefix string // as in /v3/activities; empty matches every path
	Kind       FaultKind
	Count      int           // default 1
	Delay      time.Duration // of FaultSlow, by the real clock
}

// Fault adds a fault. Faults are used up in the order in which they were added.
func (s *Sim) Fault(f Fault) error {
	if !slices.Contains(faultKinds, f.Kind) {
		return fmt.Errorf("add fault: kind %q is not known", f.Kind)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return nil
}

// takeFault uses up one count of the first fault that matches; without a match
// it is the zero fault, which spoils nothing.
func (s *Sim) takeFault(r *http.Request) Fault {
	for i := range s.faults {
		f := &s.faults[i]
		if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.PathPrefix) {
			continue
		}
		taken := *f
		if f.Count--; f.Count <= 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return taken
	}
	return Fault{}
}

// instead is the answer that keeps a request from being done, if there is one.
func (f Fault) instead() (answer, bool) {
	switch f.Kind {
	case FaultThrottled:
		return throttled(), true
	case FaultQuota:
		return quotaExceeded(), true
	case FaultUnauthorized:
		return object(http.StatusUnauthorized, "unauthorized", "Unauthorized"), true
	case Fault500:
		return problem(http.StatusInternalServerError, "contacts.api.internal_error", "There was a problem with our internal service."), true
	case Fault503:
		return answer{status: http.StatusServiceUnavailable}, true
	case FaultHTML502:
		return page(http.StatusBadGateway, "<h1>502 Bad Gateway</h1>"), true
	case FaultResetBefore:
		return answer{}, true
	}
	return answer{}, false
}

// cuts says that the client gets no answer.
func (f Fault) cuts() bool { return f.Kind == FaultResetBefore || f.Kind == FaultResetAfter }

// send writes the answer, or what the fault leaves of it.
func (f Fault) send(w http.ResponseWriter, r *http.Request, a answer) {
	raw, kind := a.encode()
	switch {
	case f.cuts():
		panic(http.ErrAbortHandler)
	case f.Kind == FaultTruncated:
		raw = raw[:len(raw)/2]
	case f.Kind == FaultSlow:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(raw)
}

// ending is the state in which an activity made by the request ends.
func (f Fault) ending() string {
	switch f.Kind {
	case FaultActivityFailed:
		return failed
	case FaultActivityTimedOut:
		return timedOut
	}
	return completed
}

package ccsim

import (
	"fmt"
	"math/rand/v2"
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
	FaultUnauthorized FaultKind = "unauthorized" // 401, once
	FaultRevoked      FaultKind = "revoked"      // 401, and the grant has ended; invalid_grant from the token endpoint
	Fault500          FaultKind = "500"
	Fault503          FaultKind = "503"
	FaultHTML502      FaultKind = "html502"      // a proxy's page
	FaultTruncated    FaultKind = "truncated"    // done, but half of the answer's body
	FaultResetBefore  FaultKind = "reset_before" // connection cut, nothing done
	FaultResetAfter   FaultKind = "reset_after"  // connection cut, all done
	FaultSlow         FaultKind = "slow"         // done, answered after Delay

	FaultActivityFailed   FaultKind = "activity_failed"    // accepted; the activity ends as failed, without effect
	FaultActivityTimedOut FaultKind = "activity_timed_out" // accepted; the activity ends as timed_out, without effect
	FaultActivityStuck    FaultKind = "activity_stuck"     // accepted; stays in processing until Release
	FaultActivityErrors   FaultKind = "activity_errors"    // accepted; completes, every third person left out and counted as an error

	FaultPageSkips   FaultKind = "page_skips"   // a later page lacks its first row, as if one before the cursor had gone
	FaultPageRepeats FaultKind = "page_repeats" // a later page begins with the last row of the one before
)

var faultKinds = []FaultKind{
	FaultThrottled, FaultQuota, FaultUnauthorized, Fault500, Fault503, FaultHTML502, FaultTruncated, FaultResetBefore, FaultResetAfter,
	FaultSlow, FaultActivityFailed, FaultActivityTimedOut, FaultRevoked, FaultActivityStuck, FaultActivityErrors, FaultPageSkips, FaultPageRepeats,
}

// fits says whether a request can meet a fault of the kind. Activities come of
// requests that change something, and only a later page has one before it.
func (k FaultKind) fits(r *http.Request) bool {
	switch k {
	case FaultActivityFailed, FaultActivityTimedOut, FaultActivityStuck, FaultActivityErrors:
		return r.Method != http.MethodGet && r.URL.Path != tokenPath
	case FaultUnauthorized, FaultQuota:
		return r.URL.Path != tokenPath // it takes no token and has no day
	case FaultPageSkips, FaultPageRepeats:
		return r.Method == http.MethodGet && r.URL.Query().Get("cursor") != ""
	}
	return true
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

// randomFaults meet requests by chance.
type randomFaults struct {
	rand  *rand.Rand
	share float64
	kinds []FaultKind
	delay time.Duration
}

// FaultsAtRandom lets a share of all requests, from 0 to 1, meet one of the kinds
// of fault, all equally often; delay is that of FaultSlow. The same seed gives the
// same faults to the same requests. A share of 0 ends it.
func (s *Sim) FaultsAtRandom(seed uint64, share float64, delay time.Duration, kinds ...FaultKind) error {
	if !allIn(kinds, faultKinds) || len(kinds) == 0 && share > 0 {
		return fmt.Errorf("add faults at random: a kind of %q is not known, or there is none", kinds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.random = nil
	if share > 0 {
		s.random = &randomFaults{rand.New(rand.NewPCG(seed, 0)), share, slices.Clone(kinds), delay}
	}
	return nil
}

// take draws a fault. It draws as often for a request that no fault fits, so that
// requests do not shift each other's faults.
func (f *randomFaults) take(r *http.Request) Fault {
	if f == nil {
		return Fault{}
	}
	chance, kind := f.rand.Float64(), f.kinds[f.rand.IntN(len(f.kinds))]
	if chance >= f.share || !kind.fits(r) {
		return Fault{}
	}
	return Fault{Kind: kind, Delay: f.delay}
}

// takeFault uses up one count of the first fault that matches; without a match
// it is one by chance, or the zero fault, which spoils nothing.
func (s *Sim) takeFault(r *http.Request) Fault {
	for i := range s.faults {
		f := &s.faults[i]
		if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.PathPrefix) || !f.Kind.fits(r) {
			continue
		}
		taken := *f
		if f.Count--; f.Count <= 0 {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return taken
	}
	return s.random.take(r)
}

// instead is the answer that keeps a request from being done, if there is one.
func (f Fault) instead() (answer, bool) {
	switch f.Kind {
	case FaultThrottled:
		return throttled(), true
	case FaultQuota:
		return quotaExceeded(), true
	case FaultUnauthorized, FaultRevoked:
		return unauthorized(), true
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

package access_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"rollcall/internal/access"
)

func TestLoginIsThrottledByUser(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	w.user("bob", access.Viewer)
	attempt := func(client int, password string) request {
		q := login("ann", password)
		q.from = fmt.Sprintf("192.0.2.%d:1", client)
		return q
	}
	for client := range 5 {
		w.want(http.StatusForbidden, attempt(client, "wrong"))
	}
	res := w.want(http.StatusTooManyRequests, attempt(9, password)) // even the right one, from elsewhere
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 60 {
		t.Errorf("Retry-After is %q", res.Header.Get("Retry-After"))
	}
	w.in("bob")
	w.later(time.Minute)
	w.want(http.StatusSeeOther, attempt(9, password))
	for client := range 5 { // a success gives all attempts back
		w.want(http.StatusForbidden, attempt(client, "wrong"))
	}
	w.want(http.StatusTooManyRequests, attempt(9, password))
}

func TestLoginIsThrottledByClient(t *testing.T) {
	w := newWorld(t, nil)
	w.user("ann", access.Viewer)
	attempt := func(name, from string) int {
		q := login(name, "wrong")
		q.from = from
		return w.do(q).StatusCode
	}
	for i := range 20 {
		if got := attempt(fmt.Sprint("user", i), fmt.Sprintf("[2001:db8::%x]:1", i+1)); got != http.StatusForbidden {
			t.Fatalf("attempt %d: status %d", i, got)
		}
	}
	for from, want := range map[string]int{
		"[2001:db8::ffff]:1":  http.StatusTooManyRequests, // of the same network
		"[2001:db8:0:1::1]:1": http.StatusForbidden,
		"192.0.2.1:1":         http.StatusForbidden,
	} {
		if got := attempt("someone", from); got != want {
			t.Errorf("from %s: status %d, want %d", from, got, want)
		}
	}
	// The user was not held up by what others did from there.
	w.in("ann")
	w.later(5 * time.Second)
	if got := attempt("someone", "[2001:db8::1]:1"); got != http.StatusForbidden {
		t.Errorf("later: status %d", got)
	}
}

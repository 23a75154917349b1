package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// An attacker with many names and addresses fills no memory, and does not free
// the names that are held up.
func TestThrottleIsBounded(t *testing.T) {
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	th := newThrottle(2, time.Minute, func() time.Time { return now })
	for range 2 {
		th.take("ann")
	}
	for i := range 2 * maxTracked {
		th.take(fmt.Sprint("name", i))
	}
	if len(th.full) > maxTracked+1 {
		t.Errorf("%d keys are tracked", len(th.full))
	}
	if th.take("ann") == 0 {
		t.Error("others freed ann")
	}
	if th.take("new") == 0 {
		t.Error("with no room left, attempts are free")
	}
	now = now.Add(3 * time.Minute)
	if th.take("new") != 0 || len(th.full) > 2 {
		t.Errorf("later %d keys are tracked", len(th.full))
	}
}

type oneUser struct {
	store
	account Account
}

func (o oneUser) ConsoleUser(_ context.Context, name string) (Account, error) {
	if name != o.account.Name {
		return Account{}, ErrNoUser
	}
	return o.account, nil
}

// Whoever measures the time of a login learns no names: the same work is done
// for a name that nobody has and for a user without a password.
func TestUnknownUserCostsAsMuch(t *testing.T) {
	hash, err := bcrypt.GenerateFromPassword([]byte("correct horse battery"), PasswordCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, account := range []Account{
		{User: User{Name: "ann"}, PasswordHash: string(hash)}, {User: User{Name: "ann"}}, {User: User{Name: "other"}},
	} {
		g, err := New(Config{Store: oneUser{account: account}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		var costs []int
		g.compare = func(hash, _ []byte) error {
			cost, err := bcrypt.Cost(hash)
			costs = append(costs, cost)
			return errors.Join(err, bcrypt.ErrMismatchedHashAndPassword)
		}
		if _, ok, err := g.check(t.Context(), "ann", "guess"); ok || err != nil {
			t.Errorf("check: %v, %v", ok, err)
		}
		if len(costs) != 1 || costs[0] != PasswordCost {
			t.Errorf("account %+v costs %v", account, costs)
		}
	}
}

func TestPasswordsMustBeGood(t *testing.T) {
	for _, bad := range []string{"", "short", strings.Repeat("x", 73), "aaaaaaaaaaaaaaaa", "Ann.Example.Org"} {
		_, err := HashPassword("ann.example.org", bad)
		problem, ok := errors.AsType[*PasswordError](err)
		if !ok || problem.Problem == "" || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("password of %d bytes: %v", len(bad), err)
		}
	}
	hash, err := HashPassword("ann", "twelve chars")
	if err != nil || bcrypt.CompareHashAndPassword([]byte(hash), []byte("twelve chars")) != nil {
		t.Errorf("hash: %v", err)
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{"Ann": "ann", " ann@example.org ": "ann@example.org", "a b": "", "": "", "-x": "", strings.Repeat("a", 128): "", "a\nb": ""} {
		if got, err := UserName(in); got != want || (err == nil) != (want != "") {
			t.Errorf("name %q is %q, %v", in, got, err)
		}
	}
	for _, name := range Roles {
		var r Role
		if err := r.UnmarshalText([]byte(name)); err != nil || r.String() != name {
			t.Errorf("role %s is %s, %v", name, r, err)
		}
	}
	if _, err := ParseRole("root"); err == nil || Role(9).String() != "none" {
		t.Error("took a role that does not exist")
	}
}

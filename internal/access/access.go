// Package access decides who may see the console, and what of it: users with
// roles and associations, sessions, the login page, and a trusted header of a
// reverse proxy. DESIGN.md says what it defends against.
package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Role says what a user may do. A higher one may do all that a lower one may.
type Role int

// The roles.
const (
	Viewer   Role = iota + 1 // sees everything of the own associations
	Operator                 // also syncs, answers questions, ticks groups
	Admin                    // also connects accounts, and changes options
)

// Roles are the names of all roles, lowest first.
var Roles = []string{"viewer", "operator", "admin"}

// String is the role's name.
func (r Role) String() string {
	if r < Viewer || r > Admin {
		return "none"
	}
	return Roles[r-1]
}

// ParseRole reads a role's name.
func ParseRole(name string) (Role, error) {
	i := slices.Index(Roles, name)
	if i < 0 {
		return 0, fmt.Errorf("read role: must be one of %s", strings.Join(Roles, ", "))
	}
	return Role(i + 1), nil
}

// MarshalText writes the role's name.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the role's name.
func (r *Role) UnmarshalText(name []byte) (err error) {
	*r, err = ParseRole(string(name))
	return err
}

// User is somebody who may see the console.
type User struct {
	Name         string   `json:"name"`
	Role         Role     `json:"role"`
	Associations []string `json:"associations"` // nil: all
}

// Can says whether the user has at least the role.
func (u User) Can(role Role) bool { return u.Role >= role && role >= Viewer }

// Sees says whether the user may see an association, and its people.
func (u User) Sees(association string) bool {
	return u.Role >= Viewer && (u.Associations == nil || slices.Contains(u.Associations, association))
}

type contextKey struct{}

// From is the user of a request that came through Guard.Wrap. Elsewhere it is
// the zero User, who may do and see nothing.
func From(ctx context.Context) User {
	u, _ := ctx.Value(contextKey{}).(User)
	return u
}

// With is a context with a user, as Guard.Wrap makes it.
func With(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, contextKey{}, u)
}

// Require refuses with status 403 whoever has not the role.
func Require(role Role, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !From(r.Context()).Can(role) {
			refuse(w, http.StatusForbidden, "Not for your role", "This needs the role "+role.String()+". Ask an administrator of Rollcall for it.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireAssociation refuses whoever may not see the association that the
// request is about, as if there were none: with status 404.
func RequireAssociation(of func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !From(r.Context()).Sees(of(r)) {
			refuse(w, http.StatusNotFound, "Not found", "There is no such association, or it is not one of yours.")
			return
		}
		next.ServeHTTP(w, r)
	})
}

package console

import (
	"context"
	"net/http"
	"slices"
)

// Role is what a user may do. Each may do what those before it may.
type Role int

// The roles.
const (
	Viewer   Role = iota + 1 // looks
	Operator                 // syncs, answers questions, ticks groups
	Admin                    // connects accounts, changes options
)

func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	}
	return "nobody"
}

// User is who asks.
type User struct {
	Name         string // for the record of what was done
	Role         Role
	Associations []string // nil: all
}

// Sees reports whether the user may see an association.
func (u User) Sees(association string) bool {
	return u.Associations == nil || slices.Contains(u.Associations, association)
}

// Guard lets people in and knows who they are.
type Guard interface {
	// Wrap lets only signed-in users through, and nothing that a page of another
	// site sends in their name. It has the pages by which they sign in and out:
	// POST /logout is one of them.
	Wrap(http.Handler) http.Handler
	// User is who asks, in the context of a request that was let through.
	User(ctx context.Context) User
}

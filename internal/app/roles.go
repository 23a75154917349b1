package app

import (
	"slices"
	"strings"
)

// Role is a part of the work that a process does.
type Role string

// The roles. Each may be given to any number of processes: one of them reads a
// source, and one works with an API key, at any time.
const (
	RoleReader  Role = "reader"  // reads the stream and finds out whom a change concerns
	RoleWorker  Role = "worker"  // plans, and calls Constant Contact
	RoleConsole Role = "console" // shows web pages
)

// Roles are all roles.
var Roles = []Role{RoleReader, RoleWorker, RoleConsole}

func (a *App) has(role Role) bool { return len(a.roles) == 0 || slices.Contains(a.roles, role) }

func (a *App) roleNames() string {
	var names []string
	for _, role := range Roles {
		if a.has(role) {
			names = append(names, string(role))
		}
	}
	return strings.Join(names, ",")
}

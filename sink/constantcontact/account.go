package constantcontact

import (
	"context"
	"fmt"
	"slices"
)

// Account is the account that a token belongs to.
type Account struct {
	// ID tells whether the connection leads to the same account as before. In
	// another account all ids of lists and contacts are void.
	ID           string `json:"encoded_account_id"`
	Organization string `json:"organization_name"`
}

// AccountSummary reads the account of the token.
//
// API docs: /v3/account/summary GET
func (c *Client) AccountSummary(ctx context.Context) (Account, error) {
	return fetch(ctx, c, request{op: opAccount, target: c.at(opAccount, "", nil)}, func(a Account) (Account, error) {
		if a.ID == "" {
			return a, fmt.Errorf("%w: the account has no id", ErrIncomplete)
		}
		return a, nil
	})
}

// neededPrivileges are what a sync asks of the user who connects the account.
// Reading activities needs contacts:write as well.
var neededPrivileges = []string{"contacts:read", "contacts:write", "contacts:lists:read", "contacts:lists:write"}

// Privileges reads what the user may do who connected the account, such as
// contacts:read. It needs no scope, and a role without any is an empty answer.
//
// API docs: /v3/account/user/privileges GET
func (c *Client) Privileges(ctx context.Context) ([]string, error) {
	type privilege struct {
		Name string `json:"privilege_name"`
	}
	return fetch(ctx, c, request{op: opPrivileges, target: c.at(opPrivileges, "", nil)}, func(all *[]privilege) ([]string, error) {
		if all == nil {
			return nil, fmt.Errorf("%w: there are no privileges", ErrIncomplete)
		}
		names := []string{}
		for _, p := range *all {
			names = append(names, p.Name)
		}
		return names, nil
	})
}

// MissingPrivileges are those that a sync needs and that are not among the
// privileges read.
func MissingPrivileges(have []string) []string {
	return slices.DeleteFunc(slices.Clone(neededPrivileges), func(name string) bool { return slices.Contains(have, name) })
}

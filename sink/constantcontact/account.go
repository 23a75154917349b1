package constantcontact

import (
	"context"
	"fmt"
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

package check

import (
	"context"
	"fmt"
	"slices"
)

// vendor says of Constant Contact what can be said without a call.
func (c *checker) vendor() {
	if len(c.Connections) == 0 {
		c.add(ConstantContact, Warning, "no_connection", "constant_contact.connections", "no association has an account, so nothing is sent", "add an entry for each association to constant_contact.connections")
	}
	for i, conn := range c.Connections {
		if conn.TokenError != nil {
			c.add(ConstantContact, Error, "token_unreadable", fmt.Sprintf("constant_contact.connections[%d].access_token", i), "the token of association "+conn.Association+" cannot be read: "+conn.TokenError.Error(),
				"create what it names, readable by this process")
		}
	}
}

// checkAssociations compares the accounts with the associations of the
// database.
func (c *checker) checkAssociations(ctx context.Context) error {
	if !c.views["options"] {
		return nil
	}
	wanting, err := collect[struct {
		Association string
		Wants       bool
	}](ctx, c.conn, `select association_id::text, bool_or(newsletter_solution::text = 'ConstantContact' and (sync_all_active or sync_membership_types or sync_groups)) is true
		from rollcall.options where association_id is not null group by 1 order by 1`)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, o := range wanting {
		known[o.Association] = true
		connected := slices.ContainsFunc(c.Connections, func(conn Connection) bool { return conn.Association == o.Association })
		if o.Wants && !connected && len(c.Connections) > 0 {
			c.add(ConstantContact, Note, "association_not_connected", o.Association, "the association wants its lists kept and has no account here", "add an entry to constant_contact.connections, or switch its options off")
		}
	}
	if len(wanting) == 0 {
		return nil // view_empty says it
	}
	for i, conn := range c.Connections {
		if !known[conn.Association] {
			c.add(ConstantContact, Warning, "association_unknown", fmt.Sprintf("constant_contact.connections[%d].association", i), "rollcall.options has no association "+conn.Association+", so everything is off for it",
				"correct the id: it is the association_id of the views, as text")
		}
	}
	return nil
}

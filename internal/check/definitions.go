package check

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"rollcall/sql"
)

var (
	quoted  = regexp.MustCompile(`E?'([^']|'')*'`)
	clocks  = regexp.MustCompile(`(?i)\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\(|\b(current_date|current_timestamp|current_time|localtimestamp|localtime)\b`)
	session = regexp.MustCompile(`(?i)\bcurrent_setting\(|\b(current_user|session_user|current_role)\b`)
	// cast finds an id that a view casts: an index on the column is of no use
	// then. A cast of a literal costs nothing.
	cast = regexp.MustCompile(`(?im)([\w".)]+)::([a-z ]+?)(\(\d+\))? as (association_id|rep_id|member_id|group_id)\b`)
)

// checkDefinitions reads the text of the views for what the catalogue does not
// say.
func (c *checker) checkDefinitions(ctx context.Context) error {
	views, err := collect[struct {
		Name, Text       string
		Barrier, Invoker bool
	}](ctx, c.conn, sql.Query("check_definitions"))
	if err != nil {
		return err
	}
	for _, v := range views {
		name := v.Name
		text := quoted.ReplaceAllString(v.Text, "''")
		if clocks.MatchString(text) {
			c.add(Contract, Note, "clock_in_view", name, "it depends on the time of day, so what it shows changes without a changed row; that is noticed by the full reconciliation only",
				"leave it, or let a job of the database set a column when the time has come")
		}
		if session.MatchString(text) {
			c.add(Contract, Warning, "session_in_view", name, "it depends on who asks, or on a setting of the session, which Rollcall's sessions do not have", "write the value into the view")
		}
		if v.Barrier {
			c.add(Contract, Warning, "security_barrier", name, "it is a security barrier, which keeps conditions from the indexes", fmt.Sprintf("alter view %s reset (security_barrier);", name))
		}
		if v.Invoker {
			c.add(Access, Error, "security_invoker", name, "it reads the tables with the rights of Rollcall's role, which should have none", fmt.Sprintf("alter view %s reset (security_invoker);", name))
		}
	}
	return nil
}

// casts says whether a view casts the column that it is looked up by.
func (c *checker) casts(ctx context.Context, view, column string) (bool, error) {
	var text string
	err := c.conn.QueryRow(ctx, "select pg_catalog.pg_get_viewdef(pg_catalog.to_regclass('rollcall.' || $1))", view).Scan(&text)
	if err != nil {
		return false, err
	}
	for _, m := range cast.FindAllStringSubmatch(quoted.ReplaceAllString(text, "''"), -1) {
		if m[4] == column && !strings.HasSuffix(m[1], "''") {
			return true, nil
		}
	}
	return false, nil
}

package check

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rollcall/sql"
)

const (
	// slowLookUp is what one look-up may take. A change costs several, and a
	// thousand changes cost a thousand of them.
	slowLookUp = 50 * time.Millisecond
	// smallView has so few rows that an index makes no difference.
	smallView = 1000
	// nobody stands for an address when looking one up.
	nobody = "nobody@rollcall.invalid"
)

// lookUps are the statements that a change leads to, by the key that they look
// for.
var lookUps = []struct{ view, column, statement string }{
	{"reps", "rep_id", "source_refs_by_rep"},
	{"reps", "member_id", "source_refs_by_member"},
	{"reps", "email", "source_rep_ids_by_address"},
	{"group_members", "rep_id", "source_memberships_by_rep"},
	{"group_members", "group_id", "source_refs_by_group"},
	{"opt_outs", "email", "source_opt_outs"},
}

// checkLookUps has the look-ups planned, and does each once or twice.
func (c *checker) checkLookUps(ctx context.Context) error {
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	told := map[string]bool{}
	for _, l := range lookUps {
		if !c.views[l.view] || l.view == "group_members" && !c.views["reps"] {
			continue
		}
		args, key, err := c.sample(ctx, l.view, l.column, l.statement)
		if err != nil {
			return err
		}
		if args == nil {
			continue // the view is empty
		}
		if err := c.planned(ctx, l.view, l.column, l.statement, key, args); err != nil {
			return err
		}
		if took, err := c.timed(ctx, l.statement, args); err != nil {
			return err
		} else if took > slowLookUp && !told[l.view] {
			told[l.view] = true
			c.add(Contract, Warning, "view_slow", "rollcall."+l.view, fmt.Sprintf("looking for one %s takes %d ms, and %d would be fine", l.column, took.Milliseconds(), slowLookUp.Milliseconds()),
				"explain analyze shows where the time goes; let each condition reach an index, by LATERAL where the view groups or sorts")
		}
	}
	return nil
}

// sample are arguments for a look-up, and how the key stands in a plan.
func (c *checker) sample(ctx context.Context, view, column, statement string) (args []any, key string, err error) {
	rows, err := collect[struct{ Association, Value string }](ctx, c.conn, fmt.Sprintf(
		"select association_id::text, coalesce(%s::text, '') from rollcall.%s where association_id is not null and %[1]s is not null limit 1", column, view))
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	value := rows[0].Value
	if column == "email" {
		value = nobody
	}
	array := `{"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"}`
	if strings.Contains(sql.Query(statement), "$2") {
		return []any{rows[0].Association, array}, value, nil
	}
	return []any{array}, value, nil
}

// timed is how long a look-up takes at best, so that a cold cache is no
// finding.
func (c *checker) timed(ctx context.Context, statement string, args []any) (time.Duration, error) {
	best := time.Duration(0)
	for i := range 3 {
		before := c.Now()
		if _, err := c.conn.Exec(ctx, sql.Query(statement), args...); err != nil {
			return 0, err
		}
		took := c.Now().Sub(before)
		if i == 0 || took < best {
			best = took
		}
		if best <= slowLookUp {
			break
		}
	}
	return best, nil
}

// node is a part of a plan.
type node struct {
	Type     string `json:"Node Type"`
	Schema   string `json:"Schema"`
	Relation string `json:"Relation Name"`
	Alias    string `json:"Alias"`
	Filter   string `json:"Filter"`
	Join     string `json:"Join Filter"`
	Plans    []node `json:"Plans"`
}

// planned looks for a key that is compared with row after row. Tables are to
// be scanned as a last resort only, so that their size does not matter.
func (c *checker) planned(ctx context.Context, view, column, statement, key string, args []any) error {
	var rows int64
	if err := c.conn.QueryRow(ctx, "select count(*) from (select from rollcall."+view+" limit $1) x", smallView).Scan(&rows); err != nil {
		return err
	}
	if rows < smallView {
		return nil
	}
	var text []byte
	if _, err := c.conn.Exec(ctx, "set local enable_seqscan = off"); err != nil {
		return err
	}
	if err := c.conn.QueryRow(ctx, "explain (format json, verbose) "+sql.Query(statement), args...).Scan(&text); err != nil {
		return err
	}
	if _, err := c.conn.Exec(ctx, "set local enable_seqscan = on"); err != nil {
		return err
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal(text, &plans); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	found := scanning(plans[0].Plan, key)
	if found == nil || slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Object == "rollcall."+view && f.Name == "security_barrier" }) {
		return nil
	}
	name := "rollcall." + view + "." + column
	casts, err := c.casts(ctx, view, column)
	if err != nil {
		return err
	}
	switch {
	case casts:
		c.add(Contract, Warning, "key_cast", name, "the view casts it, so no index serves a look-up", "take the cast out of the view: ids may have any type")
	case column == "email":
		c.add(Contract, Warning, "address_index_missing", name, "no index serves the look-up of an address", addressIndex(*found))
	default:
		c.add(Contract, Warning, "index_missing", name, "no index serves a look-up by it", "create an index on the column that the view takes it from"+onTable(*found))
	}
	return nil
}

// scanning finds the node that compares the key with row after row.
func scanning(n node, key string) *node {
	for _, text := range []string{n.Filter, n.Join} {
		if strings.Contains(strings.NewReplacer(`"`, "", `\`, "").Replace(text), "'{"+key+"}'") {
			return &n
		}
	}
	for _, p := range n.Plans {
		if found := scanning(p, key); found != nil {
			return found
		}
	}
	return nil
}

func onTable(n node) string {
	if n.Relation == "" {
		return ""
	}
	return " (" + n.Schema + "." + n.Relation + ")"
}

// inside is the column, or expression, that an address is trimmed from.
var inside = regexp.MustCompile(`lower\(btrim\((.+?), '`)

// addressIndex is the statement for the index that the look-up of an address
// uses: the expression must be this very one.
func addressIndex(n node) string {
	expression := "email"
	if m := inside.FindStringSubmatch(n.Filter); m != nil {
		expression = strings.ReplaceAll(m[1], n.Alias+".", "")
	}
	table := "the table that the view takes it from"
	if n.Relation != "" {
		table = identifier(n.Schema) + "." + identifier(n.Relation)
	}
	return fmt.Sprintf(`create index concurrently on %s (lower(btrim(%s, E' \t\n\r\f\x0b')));`, table, expression)
}

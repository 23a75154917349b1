package schemas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/cdc"
	"rollcall/internal/pgtest"
	"rollcall/sql"
)

// table is one that the views read.
type table struct {
	name, sql string
	columns   []column
	identity  []string
	whole     bool // all columns identify a row
}

type column struct {
	Name, Type string
	Category   string // B boolean, N number, D date, S string …
	NotNull    bool
	Key        bool // of the primary key
	Fixed      bool // generated
}

// change is what was done to one table within a transaction.
type change struct {
	table   *table
	op      string // insert, update, delete or truncate
	rows    []map[string]*string
	columns []string // changed by an update
	leadsOn bool     // a resolve statement led from the rows to something that it does not lead to now
}

// office changes tables at random.
type office struct {
	random *rand.Rand
	conn   *pgx.Conn
	tables []*table
	watch  []cdc.Watch
	serial int
}

func newOffice(t *testing.T, db *pgtest.DB, seed uint64) *office {
	t.Helper()
	o := &office{random: rand.New(rand.NewPCG(seed, 1)), conn: db.Conn(t)}
	ctx := context.Background()
	exec := func(statement string) {
		t.Helper()
		if _, err := o.conn.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	exec("set synchronous_commit = on")
	rows, _ := o.conn.Query(ctx, `select "table", keys, kind, coalesce(resolve, '') from rollcall.watches`)
	var err error
	if o.watch, err = pgx.CollectRows(rows, pgx.RowToStructByPos[cdc.Watch]); err != nil {
		t.Fatal(err)
	}
	type read struct{ View, Kind, Name, SQL, RelKind, Language, Body string }
	rows, _ = o.conn.Query(ctx, sql.Query("check_reads"))
	reads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[read])
	if err != nil {
		t.Fatal(err)
	}
	exec("create schema original")
	seen := map[string]bool{}
	for _, r := range reads {
		if r.Kind != "table" || seen[r.Name] || strings.HasPrefix(r.Name, "rollcall.") {
			continue
		}
		seen[r.Name] = true
		tab := &table{name: r.Name, sql: r.SQL}
		rows, _ := o.conn.Query(ctx, `select a.attname::text, format_type(a.atttypid, a.atttypmod), t.typcategory::text, a.attnotnull,
				coalesce((select a.attnum = any(i.indkey) from pg_index i where i.indrelid = a.attrelid and i.indisprimary), false), a.attgenerated <> ''
			from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`, r.SQL)
		if tab.columns, err = pgx.CollectRows(rows, pgx.RowToStructByPos[column]); err != nil {
			t.Fatal(err)
		}
		type part struct {
			Name, SQL, PartName, Kind string
			Whole                     bool
			Identity                  []string
		}
		rows, _ = o.conn.Query(ctx, sql.Query("check_parts"), []string{r.Name})
		parts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[part])
		if err != nil || len(parts) == 0 {
			t.Fatalf("identity of %s: %v, %v", r.Name, parts, err)
		}
		last := parts[len(parts)-1]
		tab.identity, tab.whole = last.Identity, last.Whole
		exec(fmt.Sprintf("create table original.%s as table %s", pgx.Identifier{r.Name}.Sanitize(), r.SQL))
		o.tables = append(o.tables, tab)
	}
	if len(o.tables) == 0 {
		t.Fatal("the views read no table")
	}
	return o
}

// work does one random transaction. It returns what it did, nothing if the
// database refused it.
func (o *office) work(ctx context.Context) (did []change, statements []string, err error) {
	err = pgx.BeginFunc(ctx, o.conn, func(tx pgx.Tx) error {
		for range 1 + o.random.IntN(3)*o.random.IntN(2) {
			t := o.tables[o.random.IntN(len(o.tables))]
			c, statement, err := o.one(ctx, tx, t)
			if err != nil {
				return err
			}
			if statement != "" {
				did, statements = append(did, c), append(statements, statement)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return did, statements, nil
}

func (o *office) one(ctx context.Context, tx pgx.Tx, t *table) (change, string, error) {
	rows, err := content(ctx, tx, t)
	if err != nil {
		return change{}, "", err
	}
	c := change{table: t}
	kind := o.random.IntN(100)
	if len(rows) < 3 {
		kind = 98 + o.random.IntN(2)*1000 // bring rows back, or insert one
	}
	var statement string
	switch {
	case kind < 45: // one row, sometimes its key
		old := rows[o.random.IntN(len(rows))]
		c.op, c.rows = "update", []map[string]*string{old}
		var sets []string
		for range 1 + o.random.IntN(2) {
			column := t.columns[o.random.IntN(len(t.columns))]
			if column.Fixed || slices.Contains(c.columns, column.Name) || column.Key && o.random.IntN(3) > 0 {
				continue
			}
			c.columns = append(c.columns, column.Name)
			sets = append(sets, fmt.Sprintf("%s = %s", quote(column.Name), o.value(column, rows)))
		}
		if len(sets) == 0 {
			return c, "", nil
		}
		statement = fmt.Sprintf("update %s set %s where %s", t.sql, strings.Join(sets, ", "), same(t, old))
	case kind < 65:
		c.op = "insert"
		statement = o.insert(t, rows)
	case kind < 85: // one row, or a few
		c.op = "delete"
		var conditions []string
		for range 1 + o.random.IntN(2) {
			old := rows[o.random.IntN(len(rows))]
			c.rows = append(c.rows, old)
			conditions = append(conditions, "("+same(t, old)+")")
		}
		statement = fmt.Sprintf("delete from %s where %s", t.sql, strings.Join(conditions, " or "))
	case kind < 96: // a whole group of rows, deleted and inserted again without one
		column := t.columns[o.random.IntN(len(t.columns))]
		value := rows[o.random.IntN(len(rows))][column.Name]
		condition := quote(column.Name) + " is not distinct from " + literal(value) + "::" + column.Type
		c.op = "delete"
		for _, r := range rows {
			if v := r[column.Name]; v == nil && value == nil || v != nil && value != nil && *v == *value {
				c.rows = append(c.rows, r)
			}
		}
		names := t.names()
		statement = fmt.Sprintf(`create temporary table again on commit drop as select %[2]s from %[1]s where %[3]s;
			delete from %[1]s where %[3]s; delete from again where ctid = (select min(ctid) from again);
			insert into %[1]s (%[2]s) overriding system value select * from again; drop table again`, t.sql, names, condition)
	case kind < 98:
		c.op, c.rows = "truncate", rows
		statement = "truncate " + t.sql + " cascade"
	case kind >= 1000:
		c.op = "insert"
		statement = o.insert(t, rows)
	default: // bring back what there was
		c.op = "insert"
		statement = fmt.Sprintf("set local session_replication_role = replica; insert into %s (%s) overriding system value select %[2]s from original.%s on conflict do nothing; set local session_replication_role = origin",
			t.sql, t.names(), quote(t.name))
	}
	before, err := o.targets(ctx, tx, c)
	if err != nil {
		return c, statement, err
	}
	if _, err := tx.Exec(ctx, statement); err != nil {
		return c, statement, err
	}
	after, err := o.targets(ctx, tx, c)
	for target := range before {
		c.leadsOn = c.leadsOn || !after[target]
	}
	return c, statement, err
}

// targets are the ids to which the resolve statements lead from the keys that
// the changed rows had.
func (o *office) targets(ctx context.Context, tx pgx.Tx, c change) (map[string]bool, error) {
	all := map[string]bool{}
	if c.op == "truncate" { // touches everything
		return all, nil
	}
	for i, w := range o.watch {
		if w.Table != c.table.name || w.Resolve == "" {
			continue
		}
		asked := map[string]bool{}
		for _, r := range c.rows {
			args := make([]any, 0, len(w.Keys))
			for _, key := range w.Keys {
				if r[key] != nil {
					args = append(args, *r[key])
				}
			}
			if len(args) < len(w.Keys) || asked[fmt.Sprint(args)] {
				continue
			}
			asked[fmt.Sprint(args)] = true
			rows, _ := tx.Query(ctx, w.Resolve, args...)
			if _, err := pgx.CollectRows(rows, func(found pgx.CollectableRow) (struct{}, error) {
				all[fmt.Sprintf("%d %q", i, found.RawValues())] = true
				return struct{}{}, nil
			}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (o *office) insert(t *table, rows []map[string]*string) string {
	var names, values []string
	var base map[string]*string
	if len(rows) > 0 {
		base = rows[o.random.IntN(len(rows))]
	}
	for _, column := range t.columns {
		if column.Fixed {
			continue
		}
		value := o.value(column, rows)
		if base != nil && !column.Key && o.random.IntN(3) > 0 {
			value = literal(base[column.Name]) + "::" + column.Type
		}
		names, values = append(names, quote(column.Name)), append(values, value)
	}
	return fmt.Sprintf("insert into %s (%s) overriding system value values (%s)", t.sql, strings.Join(names, ", "), strings.Join(values, ", "))
}

// value makes up a value: often one that another row has, because that is what
// joins go by.
func (o *office) value(c column, rows []map[string]*string) string {
	o.serial++
	if len(rows) > 0 && o.random.IntN(2) == 0 {
		return literal(rows[o.random.IntN(len(rows))][c.Name]) + "::" + c.Type
	}
	if !c.NotNull && o.random.IntN(5) == 0 {
		return "null::" + c.Type
	}
	var text string
	switch {
	case c.Type == "uuid":
		text = fmt.Sprintf("%08x-0000-4000-8000-%012x", o.random.Uint32(), o.serial)
	case c.Category == "B":
		text = fmt.Sprint(o.random.IntN(2) == 0)
	case c.Category == "N":
		text = fmt.Sprint(o.random.IntN(16) - 2)
	case strings.HasPrefix(c.Type, "time ") || c.Type == "time":
		text = fmt.Sprintf("%02d:00", o.random.IntN(24))
	case c.Category == "D":
		text = fmt.Sprintf("20%02d-%02d-01", 24+o.random.IntN(6), 1+o.random.IntN(12))
	case c.Category == "A":
		text = "{}"
	case strings.Contains(strings.ToLower(c.Name), "mail") && o.random.IntN(6) > 0:
		text = fmt.Sprintf("New%d@example.org ", o.serial%40)
	default:
		text = []string{"", "active", "1", "true", fmt.Sprintf("x%d", o.serial)}[o.random.IntN(5)]
	}
	return literal(&text) + "::" + c.Type
}

// blind says whether a change is one that the documentation says is noticed by
// the full reconciliation only.
func (o *office) blind(t *testing.T, c change) bool {
	t.Helper()
	if c.op == "insert" || c.op == "truncate" {
		return false
	}
	if c.leadsOn {
		return true
	}
	for _, w := range o.watch {
		if w.Table != c.table.name {
			continue
		}
		moved := c.op == "delete" || slices.ContainsFunc(w.Keys, func(k string) bool { return slices.Contains(c.columns, k) })
		for _, key := range w.Keys {
			// A trigger sees the whole row before.
			if moved && !c.table.whole && !slices.Contains(c.table.identity, key) && !pgtest.ByTriggers() {
				return true
			}
		}
		if moved && w.Resolve != "" && o.leadsNowhere(t, w, c.rows) {
			return true
		}
	}
	return false
}

// leadsNowhere says whether the resolve statement of a watch finds nothing any
// more for one of the rows that were.
func (o *office) leadsNowhere(t *testing.T, w cdc.Watch, rows []map[string]*string) bool {
	t.Helper()
	for _, r := range rows {
		args := make([]any, len(w.Keys))
		for i, key := range w.Keys {
			if r[key] == nil {
				return false
			}
			args[i] = *r[key]
		}
		found, err := o.conn.Query(context.Background(), w.Resolve, args...)
		if err != nil {
			t.Fatalf("resolve %s: %v", w.Table, err)
		}
		some := found.Next()
		found.Close()
		if err := found.Err(); err != nil {
			t.Fatalf("resolve %s: %v", w.Table, err)
		}
		if !some {
			return true
		}
	}
	return false
}

// content is every row of a table, in an order of its own.
func content(ctx context.Context, tx pgx.Tx, t *table) ([]map[string]*string, error) {
	var texts []string
	for _, c := range t.columns {
		texts = append(texts, fmt.Sprintf("%s, %s::text", literal(&c.Name), quote(c.Name)))
	}
	rows, err := tx.Query(ctx, fmt.Sprintf("select json_build_object(%s) from %s x order by x::text", strings.Join(texts, ", "), t.sql))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (map[string]*string, error) {
		var raw []byte
		var values map[string]*string
		if err := r.Scan(&raw); err != nil {
			return nil, err
		}
		return values, json.Unmarshal(raw, &values)
	})
}

func (t *table) names() string {
	var names []string
	for _, c := range t.columns {
		if !c.Fixed {
			names = append(names, quote(c.Name))
		}
	}
	return strings.Join(names, ", ")
}

// same is the condition that finds a row again: by its key, or by all columns.
func same(t *table, r map[string]*string) string {
	var key, all []string
	for _, c := range t.columns {
		condition := quote(c.Name) + " is not distinct from " + literal(r[c.Name]) + "::" + c.Type
		all = append(all, condition)
		if c.Key {
			key = append(key, condition)
		}
	}
	if len(key) > 0 {
		return strings.Join(key, " and ")
	}
	return strings.Join(all, " and ")
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func literal(s *string) string {
	if s == nil {
		return "null"
	}
	return "'" + strings.ReplaceAll(*s, "'", "''") + "'"
}

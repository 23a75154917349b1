package check

import (
	"context"
	"slices"

	"rollcall/cdc"
	"rollcall/sql"
)

// table is what the catalogue says of a table that is read, watched or
// published.
type table struct {
	Name        string // schema.table, as watches name it
	SQL         string // quoted
	Kind        string // relkind: r, p, v, m, f
	Persistence string // relpersistence: p, u, t
	RowSecurity bool
	Forced      bool // row security also for the owner
	Owner       uint32
	Rows        float64 // as last analysed; -1: never
	Columns     []string
	NotNull     []string
	Generated   []string // that this server does not publish
	OddCollated []string // with a collation under which different values are equal
	Root        string   // the partitioned table that it is a part of
	parts       []part   // itself and, of a partitioned table, what holds its rows
}

// part is a table or partition with its own replica identity.
type part struct {
	Table    string // schema.table of what it is part of
	SQL      string
	Name     string
	Kind     string
	Whole    bool // REPLICA IDENTITY FULL
	Identity []string
}

// whole says whether all columns identify a row of some part.
func (t *table) whole() bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.Whole })
}

// identity are the columns that identify rows, of all parts together.
func (t *table) identity() []string {
	var all []string
	for _, p := range t.parts {
		all = append(all, p.Identity...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// read is one thing that a view of the contract depends on.
type read struct {
	View     string // of the schema rollcall
	Kind     string // table or function
	Name     string // schema.table, or the function's signature
	SQL      string
	RelKind  string
	Language string
	Body     string // of a function in a language that hides what it reads
}

// publication is the one that the configuration names.
type publication struct {
	exists    bool
	allTables bool
	ops       map[string]bool
	viaRoot   bool
	tables    []published
}

type published struct {
	Table    string // schema.table
	Columns  []string
	Filtered bool
	Listed   bool // there is a column list
}

// load reads the catalogue.
func (c *checker) load(ctx context.Context) error {
	if !c.usable {
		return nil
	}
	var err error
	if c.reads, err = collect[read](ctx, c.conn, sql.Query("check_reads")); err != nil {
		return err
	}
	if c.views["watches"] {
		if c.watches, err = collect[cdc.Watch](ctx, c.conn, `select "table", keys, kind, coalesce(resolve, '') from rollcall.watches order by 1, 2, 3, 4`); err != nil {
			return err
		}
	}
	if err := c.loadPublication(ctx); err != nil {
		return err
	}
	names := []string{cdc.WatchesTable}
	for _, r := range c.reads {
		if r.Kind == "table" {
			names = append(names, r.Name)
		}
	}
	for _, w := range c.watches {
		names = append(names, w.Table)
	}
	for _, p := range c.pub.tables {
		names = append(names, p.Table)
	}
	tables, err := collect[struct {
		Name, SQL, Kind, Persistence             string
		RowSecurity, Forced                      bool
		Owner                                    uint32
		Rows                                     float64
		Columns, NotNull, Generated, OddCollated []string
		Root                                     string
	}](ctx, c.conn, sql.Query("check_tables"), names)
	if err != nil {
		return err
	}
	for _, t := range tables {
		c.tables[t.Name] = &table{
			Name: t.Name, SQL: t.SQL, Kind: t.Kind, Persistence: t.Persistence, RowSecurity: t.RowSecurity, Forced: t.Forced, Owner: t.Owner, Rows: t.Rows,
			Columns: t.Columns, NotNull: t.NotNull, Generated: t.Generated, OddCollated: t.OddCollated, Root: t.Root,
		}
	}
	parts, err := collect[part](ctx, c.conn, sql.Query("check_parts"), names)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if t := c.tables[p.Table]; t != nil {
			t.parts = append(t.parts, p)
		}
	}
	return nil
}

func (c *checker) loadPublication(ctx context.Context) error {
	found, err := collect[struct {
		All, Insert, Update, Delete, Truncate, ViaRoot bool
	}](ctx, c.conn, `select puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot
		from pg_catalog.pg_publication where pubname = $1`, c.Publication)
	if err != nil || len(found) == 0 {
		return err
	}
	p := found[0]
	c.pub = publication{
		exists: true, allTables: p.All, viaRoot: p.ViaRoot,
		ops: map[string]bool{"insert": p.Insert, "update": p.Update, "delete": p.Delete, "truncate": p.Truncate},
	}
	c.pub.tables, err = collect[published](ctx, c.conn, sql.Query("check_published"), c.Publication)
	return err
}

// watched are the key columns of a table's watches, each once.
func (c *checker) watched(table string) (keys []string, watched bool) {
	for _, w := range c.watches {
		if w.Table == table {
			watched = true
			keys = append(keys, w.Keys...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), watched
}

// publishedAs is what of a table goes on the stream.
func (c *checker) publishedAs(table string) *published {
	for i := range c.pub.tables {
		if c.pub.tables[i].Table == table {
			return &c.pub.tables[i]
		}
	}
	return nil
}

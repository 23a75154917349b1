package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rollcall/cdc"
)

// columnLists is the first version that can publish some columns only.
const columnLists = 150000

// lookAtAll ends a statement after which changes are noticed that were not: what
// was changed until then is on no stream.
const lookAtAll = "select rollcall.touch('all', null);"

var operations = []string{"insert", "update", "delete", "truncate"}

func (c *checker) checkPublication(context.Context) error {
	if c.server.recovery || c.usable && !c.views["watches"] {
		return nil // what is to be published is not known
	}
	name := identifier(c.Publication)
	if !c.pub.exists {
		if !c.usable {
			return nil
		}
		c.add(Replication, Error, "publication_missing", c.Publication, "there is no such publication in this database",
			fmt.Sprintf("create publication %s for table %s with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);", name, strings.Join(c.wanted(), ", ")))
		return nil
	}
	var lacks []string
	for _, op := range operations {
		if !c.pub.ops[op] {
			lacks = append(lacks, op)
		}
	}
	if len(lacks) > 0 {
		c.add(Replication, Error, "publication_operations", c.Publication, "the publication leaves out "+strings.Join(lacks, ", ")+", so such changes are not noticed",
			fmt.Sprintf("alter publication %s set (publish = 'insert, update, delete, truncate'); %s", name, lookAtAll))
	}
	if c.pub.allTables {
		c.add(Replication, Error, "publication_all_tables", c.Publication, "the publication is for all tables: rows of people leave the server, and a new table without a key breaks the application's own UPDATE",
			fmt.Sprintf("drop publication %[1]s; create publication %[1]s for table %[2]s with (publish = 'insert, update, delete, truncate', publish_via_partition_root = true);",
				name, strings.Join(c.wanted(), ", ")))
		return nil
	}
	if c.server.version < columnLists {
		c.add(Replication, Note, "whole_rows_published", c.Publication, "this server has no column lists, so whole rows go to Rollcall's connection, which drops all but the keys", "upgrade the server to version 15 or later")
	}
	c.checkPartitionRoots(name)
	for _, p := range c.pub.tables {
		if t := c.tables[p.Table]; t != nil && p.Table != cdc.WatchesTable {
			c.checkPublished(name, t, p)
		}
	}
	for _, table := range c.watchedTables() {
		c.checkWatched(name, table)
	}
	return nil
}

// checkPartitionRoots looks for changes that arrive under a partition's name,
// which no watch has.
func (c *checker) checkPartitionRoots(name string) {
	if c.pub.viaRoot {
		return
	}
	for _, table := range c.watchedTables() {
		if t := c.tables[table]; t != nil && t.Kind == "p" {
			c.add(Replication, Error, "partition_root", table, "its changes are published under the names of its partitions, which no watch has",
				fmt.Sprintf("alter publication %s set (publish_via_partition_root = true); %s", name, lookAtAll))
			return
		}
	}
}

// watchedTables are the tables that must be published.
func (c *checker) watchedTables() []string {
	tables := []string{cdc.WatchesTable}
	for _, w := range c.watches {
		tables = append(tables, w.Table)
	}
	slices.Sort(tables)
	return slices.Compact(tables)
}

// checkPublished looks at what a published table does to the application, and
// at what leaves the server.
func (c *checker) checkPublished(name string, t *table, p published) {
	keys, watched := c.watched(t.Name)
	if t.Root != "" {
		if rootKeys, rootWatched := c.watched(t.Root); rootWatched {
			keys, watched = rootKeys, true
		}
	}
	drop := fmt.Sprintf("alter publication %s drop table only %s;", name, t.SQL)
	// A partitioned table has no rows: its partitions say what identifies them.
	rows := t.parts
	if len(rows) > 1 {
		rows = rows[1:]
	}
	for _, part := range rows {
		switch {
		case !part.Whole && len(part.Identity) == 0:
			c.add(Replication, Error, "identity_missing", part.Name, "it is published and has no replica identity, so the application's own UPDATE and DELETE fail (SQLSTATE 55000)",
				drop+" or give it a primary key")
			return
		case part.Whole && p.Listed:
			c.add(Replication, Error, "identity_not_published", part.Name, "it has REPLICA IDENTITY FULL and a column list, so the application's own UPDATE and DELETE fail (SQLSTATE 42P10)",
				fmt.Sprintf("alter table %s replica identity default;", part.SQL))
			return
		case !part.Whole && p.Listed && len(without(part.Identity, p.Columns)) > 0:
			c.add(Replication, Error, "identity_not_published", part.Name,
				"the column list lacks "+strings.Join(without(part.Identity, p.Columns), ", ")+", which identifies a row, so the application's own UPDATE and DELETE fail (SQLSTATE 42P10)",
				c.publishAgain(name, t))
			return
		case p.Filtered:
			c.add(Replication, Error, "row_filter", t.Name, "it is published with a WHERE clause, so changes of the other rows are not noticed", c.publishAgain(name, t))
			return
		}
	}
	switch {
	case !watched:
		c.add(Replication, Warning, "published_unwatched", t.Name, "it is published and no watch names it, so its rows leave the server for nothing", drop)
	case t.whole():
		c.add(Replication, Warning, "identity_full", t.Name, "it has REPLICA IDENTITY FULL, so whole rows with the data of people leave the server",
			fmt.Sprintf("give it a primary key where it has none, then: alter table %s replica identity default; and run sql/contract/04_publication.sql again (rollcall init prints it)", t.SQL))
	case len(p.Columns) > 0:
		if more := without(p.Columns, union(t.identity(), keys)); len(more) > 0 {
			c.add(Replication, Warning, "publication_too_wide", t.Name, "columns leave the server that no watch needs: "+strings.Join(more, ", "), c.publishAgain(name, t))
		}
	}
}

// checkWatched looks at whether the changes of a watched table arrive with what
// its watches need.
func (c *checker) checkWatched(name, watch string) {
	t := c.tables[watch]
	if t == nil || t.Kind != "r" && t.Kind != "p" || t.Persistence != "p" {
		return // a finding of its own
	}
	p := c.publishedAs(watch)
	if p == nil && t.Root != "" {
		p = c.publishedAs(t.Root)
	}
	if p == nil && !c.pub.viaRoot && t.Kind == "p" {
		return // partition_root says it
	}
	keys, _ := c.watched(watch)
	keys = without(keys, without(keys, t.Columns)) // the others are a finding of their own
	if p == nil {
		c.add(Replication, Error, "table_not_published", watch, "it is watched and not published, so its changes are not noticed",
			fmt.Sprintf("alter publication %s add table %s; %s", name, c.listed(t, union(t.identity(), keys)), lookAtAll))
		return
	}
	if watch == cdc.WatchesTable {
		return
	}
	if lacks := without(keys, p.Columns); len(p.Columns) > 0 && len(lacks) > 0 && len(without(lacks, t.Generated)) > 0 {
		c.add(Replication, Error, "column_not_published", watch, "the watched column "+strings.Join(lacks, ", ")+" is not published, so each change of the table touches everything",
			c.publishAgain(name, t))
	}
	for _, part := range t.parts {
		lacks := without(keys, part.Identity)
		if part.Whole || len(part.Identity) == 0 || len(lacks) == 0 || len(without(lacks, t.Generated)) == 0 {
			continue
		}
		c.add(Replication, Warning, "key_not_in_identity", part.Name, "its replica identity lacks "+strings.Join(lacks, ", ")+
			": a DELETE, and an UPDATE that changes it, are noticed by the full reconciliation only", widerIdentity(t, part, lacks))
		return
	}
}

// widerIdentity is the statement that puts keys into a replica identity. Only
// columns that are never NULL can be part of one.
func widerIdentity(t *table, p part, keys []string) string {
	nullable := without(keys, t.NotNull)
	if len(nullable) > 0 {
		return fmt.Sprintf("alter table %s alter %s set not null; and then a unique index with it and replica identity using index, or, with whole rows on the stream: alter table %s replica identity full;",
			p.SQL, identifier(nullable[0]), p.SQL)
	}
	columns := make([]string, 0, len(p.Identity)+len(keys))
	for _, column := range append(slices.Clone(p.Identity), keys...) {
		columns = append(columns, identifier(column))
	}
	_, bare, _ := strings.Cut(p.Name, ".")
	index := bare[:min(len(bare), 50)] + "_rollcall"
	return fmt.Sprintf("create unique index %s on %s (%s); alter table %s replica identity using index %s;",
		identifier(index), p.SQL, strings.Join(columns, ", "), p.SQL, identifier(index))
}

// wanted are the tables of a publication as it should be.
func (c *checker) wanted() []string {
	var tables []string
	for _, name := range c.watchedTables() {
		if t := c.tables[name]; t != nil && (t.Kind == "r" || t.Kind == "p") {
			keys, _ := c.watched(name)
			tables = append(tables, c.listed(t, union(t.identity(), keys)))
		}
	}
	return tables
}

// listed is a table with its column list, where there can be one. Tables that
// inherit from it are published by themselves.
func (c *checker) listed(t *table, columns []string) string {
	if c.server.version < columnLists || t.whole() || t.Name == cdc.WatchesTable {
		return "only " + t.SQL
	}
	var quoted []string
	for _, column := range t.Columns { // in their order
		if slices.Contains(columns, column) {
			quoted = append(quoted, identifier(column))
		}
	}
	return fmt.Sprintf("only %s (%s)", t.SQL, strings.Join(quoted, ", "))
}

// publishAgain publishes a table anew, with the columns that are needed.
func (c *checker) publishAgain(name string, t *table) string {
	keys, _ := c.watched(t.Name)
	return fmt.Sprintf("begin; alter publication %[1]s drop table only %[2]s; alter publication %[1]s add table %[3]s; %[4]s commit;",
		name, t.SQL, c.listed(t, union(t.identity(), keys)), lookAtAll)
}

// without are the strings of a that are not in b.
func without(a, b []string) []string {
	var rest []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

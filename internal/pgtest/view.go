package pgtest

import "strings"

// WithColumn is a statement after which a view computes one of its columns anew, by
// an expression over the row x that it had before.
func WithColumn(view, column, expression string) string {
	return strings.NewReplacer("VIEW", quote(view), "COLUMN", quote(column), "EXPRESSION", quote(expression)).Replace(`do $$ declare columns text; begin
	select string_agg(case attname when COLUMN then EXPRESSION || ' as ' || attname else format('x.%I', attname) end, ', ' order by attnum) into columns
	from pg_attribute where attrelid = VIEW::regclass and attnum > 0 and not attisdropped;
	execute format('create or replace view %s as select %s from (%s) x', VIEW, columns, rtrim(pg_get_viewdef(VIEW::regclass), ';'));
end $$`)
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

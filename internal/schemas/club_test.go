package schemas_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
	"rollcall/sql"
)

// anyIDs is a small member system whose ids have the type ID.
const anyIDs = `create schema club;
	create table club.person (id ID primary key, mail text);
	create table club.circle (id ID primary key, title text not null);
	create table club.in_circle (circle ID, person ID, primary key (circle, person));`

func anyTables(kind string) string { return strings.ReplaceAll(anyIDs, "ID", kind) }

func anyContract() setup.Contract {
	return setup.Contract{
		OnRemoved: "remove",
		Views: `create view rollcall.reps as select '1'::text as association_id, id as rep_id, id as member_id, mail as email, null::text as first_name, null::text as last_name,
				null::text as company, null::text as job_title, null::text as phone, null::text as street, null::text as city, null::text as state, null::text as zip, null::text as country,
				true as active, 'active' as member_status, '{}'::text[] as membership_types, false as opted_out from club.person;
			create view rollcall.groups as select '1'::text as association_id, id as group_id, title as name, true as sync from club.circle;
			create view rollcall.group_members as select '1'::text as association_id, circle as group_id, person as rep_id, false as disabled from club.in_circle;
			create view rollcall.options as select '1'::text as association_id, 'ConstantContact' as newsletter_solution, true as sync_all_active, false as sync_membership_types,
				true as sync_groups, '01:00' as window_start, '04:00' as window_end, 'UTC' as time_zone;`,
		Watches: `insert into rollcall.watches values ('club.person', '{id}', 'rep', null), ('club.circle', '{id}', 'group', null),
			('club.in_circle', '{person}', 'rep', null);`,
	}
}

func apply(t *testing.T, db *pgtest.DB, c setup.Contract) {
	t.Helper()
	conn := db.Conn(t)
	if _, err := conn.Exec(context.Background(), "set synchronous_commit = on"); err != nil {
		t.Fatal(err)
	}
	c.Triggers = pgtest.ByTriggers()
	if _, err := setup.Apply(context.Background(), conn, c); err != nil {
		t.Fatal(err)
	}
}

func referenceViews() string { return sql.Contract()[1] }

func publication() string {
	if pgtest.ByTriggers() {
		return sql.ByTriggers(sql.Contract())[3]
	}
	return sql.Contract()[3]
}

// addresses are those of all reps, with their associations.
func (r *running) addresses(t *testing.T) [][2]string {
	t.Helper()
	rows, _ := r.conn.Query(context.Background(), "select distinct association, address from rollcall_state.rep_seen")
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a [2]string, err error) { return a, row.Scan(&a[0], &a[1]) })
	if err != nil || len(all) == 0 {
		t.Fatalf("%d addresses, %v", len(all), err)
	}
	return all
}

package setup_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/pgtest"
	"rollcall/internal/setup"
)

// triggers lists those on member tables, with how they fire.
func triggers(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	var text string
	err := conn.QueryRow(t.Context(), `select coalesce(string_agg(tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text, E'\n' order by 1, tgname), '')
		from pg_trigger where not tgisinternal`).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Where logical replication cannot be had, by somebody who is no superuser and
// may not replicate: init makes everything, twice, and takes all of it out again.
func TestApplyTriggersWithoutReplication(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t, map[string]string{"wal_level": "minimal", "max_wal_senders": "0"})
	admin := (&pgtest.DB{URL: server.URL("postgres")}).Conn(t)
	run(t, admin, "create role owner login createrole")
	run(t, admin, "create database members owner owner")
	conn := (&pgtest.DB{URL: strings.Replace(server.URL("members"), "://postgres", "://owner", 1)}).Conn(t)
	var user string
	if err := conn.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != "owner" {
		t.Fatal(user, err)
	}
	run(t, conn, clubTables)
	contract := club()
	contract.Triggers = true
	if r := apply(t, conn, contract); !r.Fresh || r.SlotCreated || r.SlotLeft {
		t.Errorf("the first run says %+v", r)
	}
	first, firing := made(t, conn), triggers(t, conn)
	if n := strings.Count(firing, " A"); n != 16 {
		t.Errorf("%d triggers, want four on each of three tables and the watches:\n%s", n, firing)
	}
	apply(t, conn, contract)
	if second := made(t, conn); second != first || triggers(t, conn) != firing {
		t.Errorf("after the second run:\n%s\nafter the first:\n%s", second, first)
	}
	var replicates bool
	if err := conn.QueryRow(t.Context(), "select rolreplication from pg_roles where rolname = 'rollcall'").Scan(&replicates); err != nil || replicates {
		t.Errorf("the role may replicate: %v, %v", replicates, err)
	}
	// A member of the staff, who has no right to anything of ours.
	run(t, admin, "create role staff login")
	run(t, conn, `grant usage on schema club, rollcall to staff; grant insert, update, delete on club.circle to staff;
		grant execute on function rollcall.sync_now(text, text) to staff`)
	staff := (&pgtest.DB{URL: strings.Replace(server.URL("members"), "://postgres", "://staff", 1)}).Conn(t)
	run(t, staff, "insert into club.circle values (1, 'Choir'); select rollcall.sync_now('Choir')")
	var changes, requests int
	err := conn.QueryRow(t.Context(), `select count(*) filter (where keys = '{{1}}' and columns = '{id}'), count(request) filter (where request like '%sync_now%') from rollcall.log`).Scan(&changes, &requests)
	if err != nil || changes != 1 || requests != 1 {
		t.Errorf("%d changes and %d requests in the log, want one of each; %v", changes, requests, err)
	}
	if present, err := setup.Look(t.Context(), conn, "rollcall"); err != nil || !present.Log || present.Publication || present.Slot {
		t.Errorf("present is %+v, %v", present, err)
	}
	err = setup.AsRole(t.Context(), conn, func() error {
		_, err := conn.Exec(t.Context(), "create table rollcall_state.made_with_its_rights ()")
		return err
	})
	if err != nil {
		t.Errorf("with the rights of the role: %v", err)
	}
	if err := setup.Remove(t.Context(), conn, "rollcall"); err != nil {
		t.Fatal(err)
	}
	if left := made(t, conn) + triggers(t, conn); left != "" {
		t.Errorf("left behind:\n%s", left)
	}
}

// The printed script does what Apply does, and the other way to capture takes its
// place and gives it back.
func TestTriggersTakeThePlaceOfThePublication(t *testing.T) {
	applied, conn := member(t), member(t)
	apply(t, applied, setup.Contract{Triggers: true})
	script, err := setup.Contract{Triggers: true}.Script()
	if err != nil {
		t.Fatal(err)
	}
	apply(t, conn, setup.Contract{})
	published := made(t, conn)
	for range 2 {
		run(t, conn, script)
		if got, want := made(t, conn)+triggers(t, conn), made(t, applied)+triggers(t, applied); got != want {
			t.Errorf("the script made:\n%s\nwant:\n%s", got, want)
		}
	}
	apply(t, conn, setup.Contract{})
	if got := made(t, conn) + triggers(t, conn); got != published {
		t.Errorf("back at the publication there is:\n%s\nwant:\n%s", got, published)
	}
}

// What cannot be captured is refused, and nothing is left behind.
func TestApplyRefusesWhatTriggersDoNotSee(t *testing.T) {
	conn := pgtest.Database(t).Conn(t)
	run(t, conn, clubTables+"alter table club.circle set unlogged")
	contract := club()
	contract.Triggers = true
	if _, err := setup.Apply(t.Context(), conn, contract); err == nil || !strings.Contains(err.Error(), "club.circle") || !strings.Contains(err.Error(), "set logged") {
		t.Errorf("an unlogged table: %v", err)
	}
	if after := made(t, conn) + triggers(t, conn); after != "" {
		t.Errorf("left behind:\n%s", after)
	}
}

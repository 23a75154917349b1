package chamber_test

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/internal/pgtest"
)

// slotFor makes a slot, which goes with the test's database. From then on the
// session's commits are flushed: a slot shows nothing that is not.
func slotFor(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	slot := fmt.Sprintf("rollcall_%.54s", pgtest.Slot(t))
	run(t, conn, "set synchronous_commit = on", fmt.Sprintf("select pg_create_logical_replication_slot('%s', 'pgoutput')", slot))
	return slot
}

// streamed are the messages that Rollcall would get.
func streamed(t *testing.T, conn *pgx.Conn, slot string) [][]byte {
	t.Helper()
	return column[[]byte](t, conn, `select data from pg_logical_slot_get_binary_changes($1, null, null,
		'proto_version', '1', 'publication_names', 'rollcall', 'messages', 'true')`, slot)
}

func TestFunctionsAskOnTheStream(t *testing.T) {
	conn := database(t)
	slot := slotFor(t, conn)
	run(t, conn,
		"select rollcall.sync_now('17')",
		`select rollcall.sync_now(E'Café "Série"\\', '1')`,
		"select rollcall.touch('rep', '5')",
		"select rollcall.touch('all', null)",
		"begin; select rollcall.touch('member', '6'); rollback",
	)
	var got []string
	for _, data := range streamed(t, conn, slot) {
		message, err := pglogrepl.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := message.(*pglogrepl.LogicalDecodingMessage); ok {
			got = append(got, fmt.Sprintf("%s %t %s", m.Prefix, m.Transactional, m.Content))
		}
	}
	equal(t, "messages", got, []string{
		`rollcall true {"v":1,"ask":"sync_now","group":"17","association":null}`,
		`rollcall true {"v":1,"ask":"sync_now","group":"Café \"Série\"\\","association":"1"}`,
		`rollcall true {"v":1,"ask":"touch","kind":"rep","key":"5"}`,
		`rollcall true {"v":1,"ask":"touch","kind":"all","key":""}`,
	})
}

func TestFunctionsRefuseNonsense(t *testing.T) {
	conn := database(t)
	for call, code := range map[string]string{
		"sync_now(null)":                  "22023",
		"sync_now(' ')":                   "22023",
		"sync_now('1', '')":               "22023",
		"sync_now(repeat('ü', 600))":      "22001",
		"touch(null, '1')":                "22023",
		"touch('Rep', '1')":               "22023",
		"touch('address', 'a@b')":         "22023", // addresses do not go into the log
		"touch('rep', null)":              "22023",
		"touch('rep', '')":                "22023",
		"touch('all', '1')":               "22023",
		"touch('rep', repeat('\"', 600))": "22001",
		"touch('rep', repeat('1', 900))":  "",
	} {
		equal(t, call, sqlState(conn, "select rollcall."+call), code)
	}
}

// An application's role gets the functions and nothing else.
func TestFunctionsAreGranted(t *testing.T) {
	conn := database(t)
	run(t, conn, "drop role if exists chamber_app", "create role chamber_app",
		"grant usage on schema rollcall to chamber_app", "set role chamber_app")
	equal(t, "not granted", sqlState(conn, "select rollcall.sync_now('1')"), "42501")
	run(t, conn, "reset role", "grant execute on function rollcall.sync_now(text, text), rollcall.touch(text, text) to chamber_app",
		"set role chamber_app", "select rollcall.sync_now('1'), rollcall.touch('rep', '1')")
	equal(t, "views", sqlState(conn, "table rollcall.reps"), "42501")
	run(t, conn, "reset role", "drop owned by chamber_app", "drop role chamber_app")
}

// Whatever the office does, no address and no name leaves the server, but for
// server 14, which cannot hold columns back.
func TestStreamHasNoPersonalData(t *testing.T) {
	conn := database(t)
	slot := slotFor(t, conn)
	s := generate(t, conn, chamber.Options{Seed: 7, Associations: 1, Reps: 200, Groups: 5})
	for change := range chamber.Changes(7, s, 1000) {
		apply(t, conn, change)
	}
	run(t, conn, "update chamber.member set name = 'Zz Canary'", "delete from chamber.opt_out", "truncate chamber.group_membership")
	names := append(column[string](t, conn, "select distinct last_name from chamber.rep where length(last_name) > 3"), "Zz Canary", ".example.")

	kinds := make(map[pglogrepl.MessageType]int)
	leaks := make(map[string]bool)
	for _, data := range streamed(t, conn, slot) {
		kinds[pglogrepl.MessageType(data[0])]++
		for _, name := range names {
			if bytes.Contains(data, []byte(name)) {
				leaks[name] = true
			}
		}
	}
	if leaked := len(leaks) > 0; leaked == columnLists(t, conn) {
		t.Errorf("on the stream: %v", leaks)
	}
	for _, kind := range []pglogrepl.MessageType{pglogrepl.MessageTypeInsert, pglogrepl.MessageTypeUpdate, pglogrepl.MessageTypeDelete, pglogrepl.MessageTypeTruncate} {
		if kinds[kind] == 0 {
			t.Errorf("no message of type %c: the test shows nothing about it", kind)
		}
	}
}

// The tables that grow; the others may well be scanned.
var largeScan = regexp.MustCompile(`(?m)Seq Scan on (rep|group_membership|opt_out|member|member_type)( |$)`)

// The look-ups of a plan at a size where a sequential scan would be felt.
func TestLookUpsUseIndexes(t *testing.T) {
	conn := database(t)
	generate(t, conn, chamber.Options{Seed: 8, Associations: 25, Reps: 2000, Groups: 40})
	run(t, conn, "analyze")
	for name, q := range map[string]struct{ query, args string }{
		"reps by id":                 {"select * from rollcall.reps where association_id = $1 and rep_id = any($2)", "3, '{4001,4002,5999}'"},
		"reps by id, anywhere":       {"select association_id::text, rep_id::text, email from rollcall.reps where rep_id = any($1)", "'{4001,4002,5999}'"},
		"reps by address":            {`select rep_id::text from rollcall.reps where association_id = $1 and lower(btrim(email, E' \t\n\r\f\x0b')) = any($2)`, "3, '{office@smith1.example.org,nobody@example.org}'"},
		"reps by member":             {"select association_id::text, rep_id::text, email from rollcall.reps where member_id = any($1)", "'{100,101,102}'"},
		"group members by rep":       {"select rep_id::text, group_id::text, disabled from rollcall.group_members where association_id = $1 and rep_id = any($2)", "3, '{4001,4002,5999}'"},
		"group members by group":     {"select rep_id::text from rollcall.group_members where group_id = any($1)", "'{85,86}'"},
		"opt-outs by address":        {`select email, group_id::text from rollcall.opt_outs where association_id = $1 and lower(btrim(email, E' \t\n\r\f\x0b')) = any($2)`, "3, '{nobody@example.org}'"},
		"address of an opt-out, all": {"select association_id::text, email from rollcall.opt_out_addresses where opt_out_id = $1", "5"},
	} {
		run(t, conn, "deallocate all", "prepare look_up as "+q.query)
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			run(t, conn, "set plan_cache_mode = "+mode)
			rows, err := conn.Query(context.Background(), "explain (costs off) execute look_up("+q.args+")", pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, "Index Cond") || largeScan.MatchString(plan) {
				t.Errorf("%s, %s:\n%s", name, mode, plan)
			}
		}
	}
}

package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/chamber"
	"rollcall/internal/cli"
	"rollcall/internal/pgtest"
	"rollcall/internal/statetest"
)

// many is a member database with 20,000 reps and the state of a first sync.
func many(ctx context.Context, conn *pgx.Conn) error {
	if err := member(ctx, conn); err != nil {
		return err
	}
	if _, err := chamber.Generate(ctx, conn, chamber.Options{Seed: 1, Associations: 1, Reps: 20_000, Groups: 40}); err != nil {
		return err
	}
	if err := statetest.Migrate(ctx, conn); err != nil {
		return err
	}
	state, err := os.ReadFile("testdata/synced.sql")
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, string(state))
	return err
}

// scanned counts the sequential scans of the tables that have a row a person.
// Sessions report theirs when they end.
const scanned = `
select coalesce(sum(seq_scan), 0)::bigint
from pg_stat_user_tables
where schemaname || '.' || relname in ('chamber.rep', 'chamber.group_membership', 'chamber.opt_out', 'rollcall_state.ledger', 'rollcall_state.contact',
    'rollcall_state.rep_seen', 'rollcall_state.rep_now', 'rollcall_state.intent', 'rollcall_state.approval_pair')`

func scans(t *testing.T, db *pgtest.DB) int64 {
	t.Helper()
	conn := db.Conn(t)
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var others, n int64
		if err := conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() and backend_type = 'client backend'", db.Name).Scan(&others); err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			if err := conn.QueryRow(t.Context(), scanned).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if err := conn.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			return n
		}
		select {
		case <-deadline:
			t.Fatal("sessions are still there")
		case <-tick.C:
		}
	}
}

// An explanation reads the rows of one address only: no statement goes through a
// table that has a row for everybody. A plan does, which shows that the counters
// would tell.
func TestExplainReadsOneAddress(t *testing.T) {
	db := pgtest.Template(t, "many", many)
	config := filepath.Join(t.TempDir(), "rollcall.yaml")
	text := fmt.Sprintf("source: {name: chamber, url: %q}\nconstant_contact: {connections: [{association: \"1\", access_token: {env: ROLLCALL_TEST_NO_TOKEN}}]}\n", db.URL)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		p := cli.Program{Stdin: new(bytes.Buffer), Stdout: &out, Stderr: &errs, Now: now, User: "carla"}
		if code := p.Main(append(args, "-c", config)); code != 0 {
			t.Fatalf("%v exits with %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	var addresses, reps []string
	conn := db.Conn(t)
	rows, err := conn.Query(t.Context(), `(select address, rep from rollcall_state.rep_seen order by ord limit 1)
		union all (select address, rep from rollcall_state.rep_seen order by ord desc limit 1)
		union all (select min(address), min(rep) from rollcall_state.rep_seen group by address having count(*) > 1 order by 1 limit 1)`)
	if err != nil {
		t.Fatal(err)
	}
	var address, rep string
	if _, err := pgx.ForEachRow(rows, []any{&address, &rep}, func() error {
		addresses, reps = append(addresses, address), append(reps, rep)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(addresses) != 3 {
		t.Fatalf("found %d addresses, want 3", len(addresses))
	}
	before := scans(t, db)
	for i := range addresses {
		command("explain", addresses[i])
		command("explain", reps[i], "--json")
	}
	if after := scans(t, db); after != before {
		t.Errorf("explain made %d sequential scans", after-before)
	}
	before = scans(t, db)
	command("plan")
	if after := scans(t, db); after == before {
		t.Error("plan made no sequential scan: the counters say nothing")
	}
}

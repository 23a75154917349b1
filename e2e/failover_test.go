package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/localpg"
	"rollcall/internal/pgtest"
)

// servers are a primary with a stand-by, and a slot of Rollcall that the stand-by
// follows where the server can (since version 17). With triggers there is no slot:
// the log of changes is in the database.
type servers struct {
	primary, standby *localpg.Server
	slot             string
}

// syncsSlots says whether a stand-by of this version takes logical slots over, and
// there is one.
func (p *servers) syncsSlots() bool { return p.primary.Version() >= 17 && !pgtest.ByTriggers() }

// newServers starts a primary with the small chamber, and a stand-by that is a cold
// copy of it.
func newServers(t *testing.T) *servers {
	t.Helper()
	dir, err := os.MkdirTemp("", "rollcall-pair-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755)) // the server's account enters it
	p := &servers{slot: pgtest.Slot(t)}
	start := func(name string, settings map[string]string) *localpg.Server {
		server, err := localpg.Start(context.Background(), localpg.Options{Dir: filepath.Join(dir, name), Settings: settings})
		must(t, err)
		t.Cleanup(func() {
			if err := server.Stop(); err != nil {
				t.Errorf("stop the %s: %v", name, err)
			}
		})
		return server
	}
	p.primary = start("primary", nil)
	conn := connectTo(t, p.primary, "postgres")
	execute(t, conn, "create database chamber")
	execute(t, conn, "select pg_create_physical_replication_slot('standby', true)")
	member := connectTo(t, p.primary, "chamber")
	must(t, contract(t.Context(), member))
	must(t, fillSmall(t.Context(), member))
	must(t, conn.Close(t.Context()))
	must(t, member.Close(t.Context()))
	must(t, p.primary.Stop())
	must(t, os.CopyFS(filepath.Join(dir, "standby", "data"), os.DirFS(p.primary.DataDir())))
	data := filepath.Join(dir, "standby", "data")
	must(t, os.Chmod(data, 0o700))
	must(t, os.RemoveAll(filepath.Join(data, "pg_replslot", "standby")))
	must(t, os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o600))
	must(t, p.primary.Restart(t.Context()))
	config, err := pgx.ParseConfig(p.primary.URL("chamber"))
	must(t, err)
	settings := map[string]string{
		"primary_conninfo":     fmt.Sprintf("host=%s port=%d user=%s dbname=chamber", config.Host, config.Port, config.User),
		"primary_slot_name":    "standby",
		"hot_standby_feedback": "on",
	}
	if p.syncsSlots() {
		settings["sync_replication_slots"] = "on"
	}
	p.standby = start("standby", settings)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func connectTo(t *testing.T, s *localpg.Server, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL(database))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, statement string, args ...any) {
	t.Helper()
	_, err := conn.Exec(t.Context(), statement, args...)
	must(t, err)
}

// newServersWorld is a world on the pair, with the state in the member database, or
// elsewhere. Its address names both servers, as for any client that is to find
// the one that writes.
func newServersWorld(t *testing.T, p *servers, state *pgtest.DB) *world {
	t.Helper()
	w := newWorld(t, "small", fillSmall) // for its simulator
	first, second := host(t, p.primary), host(t, p.standby)
	w.db = &pgtest.DB{
		Name: "chamber", URL: fmt.Sprintf("postgres://postgres@%s,%s/chamber?sslmode=disable&target_session_attrs=read-write", first, second),
	}
	w.member = w.db.Conn(t)
	w.config = writeConfig(t, w.db.URL, p.slot, w.address)
	if state != nil {
		w.state = state.Conn(t)
		w.reconfigure(t, "constant_contact:", "state: {url: \""+state.URL+"\"}\nconstant_contact:")
	}
	w.reconfigure(t, "  slot: "+p.slot, "  slot: "+p.slot+"\n  on_new_timeline: refuse")
	return w
}

func host(t *testing.T, s *localpg.Server) string {
	t.Helper()
	config, err := pgx.ParseConfig(s.URL("postgres"))
	must(t, err)
	return fmt.Sprintf("%s:%d", config.Host, config.Port)
}

// inSync waits until the stand-by has all that the primary has written, and the
// slot, where it takes that over: only then is it good for a failover.
func (p *servers) inSync(t *testing.T) {
	t.Helper()
	primary, standby := connectTo(t, p.primary, "postgres"), connectTo(t, p.standby, "postgres")
	var lsn string
	must(t, primary.QueryRow(t.Context(), "select pg_current_wal_insert_lsn()::text").Scan(&lsn))
	wait(t, "the stand-by", func() bool {
		var done bool
		must(t, standby.QueryRow(t.Context(), "select pg_last_wal_replay_lsn() >= $1::pg_lsn", lsn).Scan(&done))
		return done
	})
	if !p.syncsSlots() {
		return
	}
	wait(t, "the slot on the stand-by", func() bool {
		var ready bool
		must(t, standby.QueryRow(t.Context(), `select exists (select from pg_replication_slots
			where slot_name = $1 and synced and not temporary and invalidation_reason is null)`, p.slot).Scan(&ready))
		if !ready { // it needs to know which transactions run
			execute(t, primary, "select pg_log_standby_snapshot()")
		}
		return ready
	})
}

// failOver ends the primary as a crash does and promotes the stand-by.
func (w *world) failOver(t *testing.T, p *servers) {
	t.Helper()
	p.primary.Kill()
	standby := connectTo(t, p.standby, "postgres")
	var promoted bool
	must(t, standby.QueryRow(t.Context(), "select pg_promote(true, 60)").Scan(&promoted))
	if !promoted {
		t.Fatal("the stand-by was not promoted")
	}
	w.member = w.db.Conn(t)
}

// needsPairs keeps all but one failover out of make test.
func needsPairs(t *testing.T) {
	t.Helper()
	if os.Getenv("ROLLCALL_FAILOVER") == "" {
		t.Skip("make test-failover runs it on every version")
	}
}

// The stand-by is promoted while the program is stopped. Nothing is sent before
// that is adopted; then what was committed before is sent, without a slot having
// been lost where the server takes it over, and nobody is taken off before
// everything was compared.
func TestFailover(t *testing.T) {
	t.Parallel()
	p := newServers(t)
	w := newServersWorld(t, p, nil)
	w.start(t)
	w.settle(t, time.Minute)
	w.compare(t)
	p.inSync(t)
	w.stop(t)
	w.exec(t, disable, lotte)
	w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
	p.inSync(t)
	w.failOver(t, p)
	w.refuses(t, "another database")
	w.adopt(t, "--failover")
	if w.count(t, "select count(*) from rollcall_state.alarm where kind = 'went_back'") > 0 {
		t.Error("a stand-by that has everything counts as gone back in time")
	}
	w.log.Reset()
	w.start(t)
	wait(t, "the addition", func() bool { return len(w.sim.ListAddresses(account, allActive)) == 5 })
	wait(t, "the removal", func() bool { return len(w.sim.ListAddresses(account, board)) == 3 })
	w.settle(t, time.Minute)
	w.compare(t)
	if !w.asked(t, "source", "withdrawn", lotte, "group:1", "remove") {
		t.Error("the removal was not held")
	}
	w.stop(t)
	lost := !p.syncsSlots() && !pgtest.ByTriggers()
	if made := strings.Contains(w.log.String(), "created the slot again"); made != lost {
		t.Errorf("version %d: the slot was made again: %v", p.primary.Version(), made)
	}
}

// The stand-by is promoted under a running program: that ends, or goes on where
// it is told to.
func TestFailoverUnderARunningProgram(t *testing.T) {
	t.Parallel()
	needsPairs(t)
	for setting, goesOn := range map[string]bool{"refuse": false, "continue": true} {
		t.Run(setting, func(t *testing.T) {
			p := newServers(t)
			w := newServersWorld(t, p, nil)
			w.reconfigure(t, "on_new_timeline: refuse", "on_new_timeline: "+setting)
			w.start(t)
			w.settle(t, time.Minute)
			p.inSync(t)
			w.failOver(t, p)
			w.exec(t, "insert into chamber.rep (association_id, member_id, first_name, last_name, email) values (1, 1, 'Nora', 'Example', 'nora@example.org')")
			if !goesOn {
				if err := w.process.Wait(); err == nil || w.process.ProcessState.ExitCode() != 1 {
					t.Errorf("it ends with %v, want exit code 1", err)
				}
				if n := w.count(t, "select count(*) from rollcall_state.rep_seen where address = 'nora@example.org'"); n > 0 {
					t.Error("it read the new primary")
				}
				w.refuses(t, "another database")
				return
			}
			w.settle(t, 2*time.Minute)
			w.compare(t)
			w.stop(t)
			if !strings.Contains(w.log.String(), "adopted another database") {
				t.Error("the log does not tell of the adoption")
			}
		})
	}
}

// The stand-by lacks what the program has read and sent already. Whoever was
// taken off since is not put back, and who opted out neither, before somebody
// agrees.
func TestFailoverThatLosesCommits(t *testing.T) {
	t.Parallel()
	needsPairs(t)
	p := newServers(t)
	w := newServersWorld(t, p, pgtest.Database(t))
	w.start(t)
	w.settle(t, time.Minute)
	p.inSync(t)
	standby := connectTo(t, p.standby, "postgres")
	execute(t, standby, "alter system set primary_conninfo = ''")
	execute(t, standby, "select pg_reload_conf()")
	wait(t, "the end of the stand-by's stream", func() bool {
		var n int
		must(t, standby.QueryRow(t.Context(), "select count(*) from pg_stat_wal_receiver").Scan(&n))
		return n == 0
	})
	w.exec(t, disable, lotte)
	w.exec(t, "update chamber.rep set opted_out = true where email = $1", lena)
	wait(t, "both to be taken off", func() bool { return len(w.sim.ListAddresses(account, board)) == 2 })
	w.stop(t)
	w.failOver(t, p)
	w.refuses(t, "another database")
	w.adopt(t, "--failover")
	w.start(t)
	for _, address := range []string{lotte, lena} {
		wait(t, "the question", func() bool { return w.asked(t, "went_back", "waiting", address, "group:1", "add") })
	}
	w.wantOn(t, "after commits were lost", board, rosa, ulla)
	w.wantNoViolations(t)
	w.stop(t)
}

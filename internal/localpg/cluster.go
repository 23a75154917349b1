package localpg

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	superuser    = "postgres"
	logTailBytes = 2000 // of the server's log, quoted when it does not start
)

// defaults suit tests: logical decoding with room for many slots, and speed
// instead of safety against power failure.
var defaults = map[string]string{
	"listen_addresses":        "127.0.0.1",
	"unix_socket_directories": "",
	"wal_level":               "logical",
	"max_replication_slots":   "40",
	"max_wal_senders":         "40",
	"max_slot_wal_keep_size":  "10GB", // a forgotten slot must not fill a disk
	"max_connections":         "200",
	"shared_buffers":          "64MB",
	"fsync":                   "off",
	"synchronous_commit":      "off",
	"full_page_writes":        "off",
}

// initdb makes the cluster.
func (s *Server) initdb(ctx context.Context) error {
	var out bytes.Buffer
	cmd := s.command("initdb", "-D", s.DataDir(), "-U", superuser,
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	cmd.Stdout, cmd.Stderr = &out, &out
	p, err := spawn(cmd)
	if err != nil {
		return fmt.Errorf("start initdb: %w", err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("run initdb: %w", context.Cause(ctx))
	}
	if p.err != nil {
		return fmt.Errorf("run initdb: %w:\n%s", p.err, tail(out.Bytes()))
	}
	return nil
}

// configure writes postgresql.conf, and not the command line, so that a test can
// still change a setting with ALTER SYSTEM.
func (s *Server) configure(settings map[string]string) error {
	all := maps.Clone(defaults)
	maps.Copy(all, settings)
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, quote.Replace(all[name]))
	}
	file := filepath.Join(s.DataDir(), "postgresql.conf")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write server settings: %w", err)
	}
	return nil
}

// command prepares a server program: under the server's account, in a folder
// that account may enter, and without the caller's PG* variables.
func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = s.account.attributes()
	return cmd
}

// ask returns the major version, and an error if whoever answers at our port is
// not our server: another one can have taken the port.
func (s *Server) ask(ctx context.Context) (int, error) {
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	var dir, version string
	err = conn.QueryRow(ctx, "select current_setting('data_directory'), current_setting('server_version_num')").Scan(&dir, &version)
	if err != nil {
		return 0, err
	}
	if dir != s.DataDir() {
		return 0, fmt.Errorf("another server listens on port %d", s.port)
	}
	number, err := strconv.Atoi(version)
	return number / 10000, err
}

func (s *Server) logTail() []byte {
	text, _ := os.ReadFile(s.LogFile()) // no log, nothing to quote
	return tail(text)
}

func tail(text []byte) []byte {
	return bytes.TrimSpace(text[max(0, len(text)-logTailBytes):])
}

package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rollcall/internal/source"
)

// clockTolerance is how far the server's clock may be from ours: times of
// commits are compared with our own.
const clockTolerance = 5 * time.Second

// oldestServer is the first version with what the stream needs.
const oldestServer = 140000

// server is what is asked of the server once.
type server struct {
	version  int // as server_version_num
	recovery bool
	walLevel string
}

// connect opens the session that all else is asked over, with the settings
// that Rollcall itself uses. It says whether there is one.
func (c *checker) connect(ctx context.Context) bool {
	cfg := c.Source.Copy()
	source.Configure(cfg)
	cfg.RuntimeParams["application_name"] = "rollcall check"
	cfg.RuntimeParams["statement_timeout"] = fmt.Sprintf("%dms", serverPatience.Milliseconds())
	var err error
	if c.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		c.unreachable(cfg, err)
		return false
	}
	var pid uint32
	err = c.conn.QueryRow(ctx, `select pg_catalog.pg_backend_pid(), current_setting('server_version_num')::integer,
		pg_catalog.pg_is_in_recovery(), current_setting('wal_level')`).
		Scan(&pid, &c.server.version, &c.server.recovery, &c.server.walLevel)
	if err != nil {
		c.unreachable(cfg, err)
		_ = c.conn.Close(ctx)
		return false
	}
	if c.server.version < oldestServer {
		c.add(Connectivity, Error, "server_too_old", "", fmt.Sprintf("the server has version %d, and 14 is the first that can be followed", c.server.version/10000),
			"upgrade the server")
		_ = c.conn.Close(ctx)
		return false
	}
	if pid != c.conn.PgConn().PID() {
		c.pooler(cfg)
	}
	return true
}

func (c *checker) unreachable(cfg *pgx.ConnConfig, err error) {
	where := fmt.Sprintf("%s:%d", cfg.Host, cfg.Port)
	var netErr net.Error
	switch sqlState := code(err); {
	case sqlState == "28P01" || sqlState == "28000":
		c.add(Connectivity, Error, "login_refused", where, fmt.Sprintf("the server refuses the user %s or its password (SQLSTATE %s)", cfg.User, sqlState),
			"correct source.url and source.password, or the server's pg_hba.conf")
	case sqlState == "3D000":
		c.add(Connectivity, Error, "database_missing", where, fmt.Sprintf("there is no database %s", cfg.Database), "correct source.url")
	case sqlState == "08P01" || strings.Contains(err.Error(), "startup parameter"):
		c.pooler(cfg)
	case sqlState != "":
		c.add(Connectivity, Error, "connection_refused", where, "the server takes no connection: SQLSTATE "+sqlState, "see the server's log")
	case errors.As(err, &netErr):
		c.add(Connectivity, Error, "source_unreachable", where, "the server cannot be reached", "start it, or correct host and port in source.url")
	default:
		c.add(Connectivity, Error, "source_unreachable", where, "no connection comes about", "correct source.url, and sslmode in it")
	}
}

func (c *checker) pooler(cfg *pgx.ConnConfig) {
	c.add(Connectivity, Error, "pooler_in_between", fmt.Sprintf("%s:%d", cfg.Host, cfg.Port),
		"a connection pooler answers, through which no replication stream can be read and no session setting lasts", "name the server's own address and port in source.url")
}

// clock compares the server's clock with ours at the middle of a round trip.
func (c *checker) clock(ctx context.Context) error {
	before := c.Now()
	var theirs time.Time
	if err := c.conn.QueryRow(ctx, "select pg_catalog.clock_timestamp()").Scan(&theirs); err != nil {
		return err
	}
	after := c.Now()
	offset := theirs.Sub(before.Add(after.Sub(before) / 2))
	if offset.Abs() > clockTolerance+after.Sub(before)/2 {
		c.add(Connectivity, Warning, "clock_offset", "", fmt.Sprintf("the server's clock is %s from this machine's, so nightly windows and the ages of changes are wrong", offset.Round(time.Second)),
			"let both machines take the time from the same place (chrony, systemd-timesyncd)")
	}
	return nil
}

// stream asks what a reader would ask before it starts.
func (c *checker) stream(ctx context.Context) error {
	if c.server.recovery {
		c.add(Connectivity, Error, "server_in_recovery", "", "the server is a stand-by, which has no publications of its own", "name the primary in source.url")
		return nil
	}
	if c.Triggers {
		return nil
	}
	if c.server.walLevel != "logical" {
		c.add(Replication, Error, "wal_level", "wal_level", "wal_level is "+c.server.walLevel+", so nothing can be followed",
			"alter system set wal_level = 'logical'; and restart the server")
		return nil
	}
	var may bool
	err := c.conn.QueryRow(ctx, `select rolreplication or rolsuper or exists (
			select from pg_catalog.pg_roles p where p.rolname in ('rds_replication', 'cloudsqlreplica') and pg_catalog.pg_has_role(current_user, p.oid, 'usage'))
		from pg_catalog.pg_roles where rolname = current_user`).Scan(&may)
	if err != nil {
		return err
	}
	if !may {
		c.add(Access, Error, "role_not_replication", c.conn.Config().User, "the role may not replicate", fmt.Sprintf("alter role %s replication;", identifier(c.conn.Config().User)))
		return nil
	}
	return nil
}

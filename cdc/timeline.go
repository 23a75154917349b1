package cdc

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// Branch says where a server's present timeline left an earlier one: up to there
// its log is also that of the other. ok is false when the earlier timeline is not
// among those that the present one came from. settings are those of any
// connection to the server.
func Branch(ctx context.Context, settings *pgconn.Config, from, now int32) (at LSN, ok bool, err error) {
	if now < 2 {
		return 0, false, nil // the first timeline came from none
	}
	replication := settings.Copy()
	replication.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(ctx, replication)
	if err != nil {
		return 0, false, streamError(fmt.Errorf("connect for replication: %w", err), Config{Conn: replication})
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	history, err := pglogrepl.TimelineHistory(ctx, conn, now)
	if err != nil {
		return 0, false, fmt.Errorf("read history of timeline %d: %w", now, err)
	}
	return branch(history.Content, from)
}

// branch reads a history file: a line for each earlier timeline, with where it
// was left and why. Lines that begin with # are comments.
func branch(history []byte, from int32) (at LSN, ok bool, err error) {
	for line := range bytes.Lines(history) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || fields[0][0] == '#' {
			continue
		}
		timeline, err := strconv.ParseUint(string(fields[0]), 10, 32)
		if err == nil {
			err = at.Scan(string(fields[1]))
		}
		if err != nil {
			return 0, false, fmt.Errorf("read history of a timeline: %w", err)
		}
		if int32(timeline) == from {
			return at, true, nil
		}
	}
	return 0, false, nil
}

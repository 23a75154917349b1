// Command loop is the usual hand-written reader of a logical replication slot:
// it has pglogrepl parse every message, keeps nothing, and acknowledges what it
// has received every ten seconds, as the example of that library does. The
// reader of Rollcall is compared with it.
//
// Arguments: a URL, a slot, a publication and an LSN behind which it ends. It
// prints the most resident memory it had, in MiB.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// statusEvery is how often the position is acknowledged.
const statusEvery = 10 * time.Second

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "loop:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return errors.New("takes a URL, a slot, a publication and an LSN")
	}
	end, err := pglogrepl.ParseLSN(args[3])
	if err != nil {
		return err
	}
	cfg, err := pgconn.ParseConfig(args[0])
	if err != nil {
		return err
	}
	cfg.RuntimeParams["replication"] = "database"
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	plugin := []string{"proto_version '1'", fmt.Sprintf("publication_names '%s'", args[2])}
	if err := pglogrepl.StartReplication(ctx, conn, args[1], 0, pglogrepl.StartReplicationOptions{PluginArgs: plugin}); err != nil {
		return err
	}
	if err := drain(ctx, conn, end); err != nil {
		return err
	}
	mib, err := residentMiB()
	if err != nil {
		return err
	}
	fmt.Println(mib)
	return nil
}

// drain receives until a transaction ends behind a position.
func drain(ctx context.Context, conn *pgconn.PgConn, end pglogrepl.LSN) error {
	var received pglogrepl.LSN
	relations := map[uint32]*pglogrepl.RelationMessage{}
	next := time.Now().Add(statusEvery)
	for received <= end {
		if time.Now().After(next) {
			if err := acknowledge(ctx, conn, received); err != nil {
				return err
			}
			next = time.Now().Add(statusEvery)
		}
		until, cancel := context.WithDeadline(ctx, next)
		message, err := conn.ReceiveMessage(until)
		cancel()
		if pgconn.Timeout(err) {
			continue
		}
		if err != nil {
			return err
		}
		data, copied := message.(*pgproto3.CopyData)
		if !copied {
			return fmt.Errorf("receive %T, want data", message)
		}
		switch data.Data[0] {
		case pglogrepl.PrimaryKeepaliveMessageByteID:
			keepalive, err := pglogrepl.ParsePrimaryKeepaliveMessage(data.Data[1:])
			if err != nil {
				return err
			}
			if keepalive.ReplyRequested {
				next = time.Time{}
			}
		case pglogrepl.XLogDataByteID:
			log, err := pglogrepl.ParseXLogData(data.Data[1:])
			if err != nil {
				return err
			}
			parsed, err := pglogrepl.Parse(log.WALData)
			if err != nil {
				return err
			}
			switch m := parsed.(type) {
			case *pglogrepl.RelationMessage:
				relations[m.RelationID] = m
			case *pglogrepl.UpdateMessage:
				if relations[m.RelationID] == nil {
					return fmt.Errorf("update of unknown relation %d", m.RelationID)
				}
			case *pglogrepl.CommitMessage:
				received = m.TransactionEndLSN
			}
		}
	}
	return acknowledge(ctx, conn, received)
}

func acknowledge(ctx context.Context, conn *pgconn.PgConn, received pglogrepl.LSN) error {
	return pglogrepl.SendStandbyStatusUpdate(ctx, conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: received, WALFlushPosition: received, WALApplyPosition: received,
	})
}

// residentMiB is the most memory that this process had resident.
func residentMiB() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("read own memory: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		var kib float64
		if _, err := fmt.Sscanf(lines.Text(), "VmHWM: %f kB", &kib); err == nil {
			return kib / 1024, nil
		}
	}
	return 0, errors.New("read own memory: this system does not tell it")
}

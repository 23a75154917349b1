package cdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// wire is a replication connection taken over from pgconn after its start-up,
// so that the stream is read without an allocation for each message. One
// goroutine owns it.
type wire struct {
	conn net.Conn
	buf  []byte
	r, w int // unread part of buf

	lastReceived time.Time
	now          func() time.Time
}

const (
	wireBuffer = 64 << 10
	// skipFrom is the size from which a logical message is skipped unread: ours
	// are far smaller, and anybody may write large ones.
	skipFrom = 1 << 20
)

// errIdle says that nothing arrived before the deadline.
var errIdle = errors.New("nothing arrived")

// dial connects for replication and reads the slot's confirmed_flush_lsn.
func dial(ctx context.Context, cfg Config) (*wire, LSN, error) {
	settings := cfg.Conn.Copy()
	settings.RuntimeParams["replication"] = "database"
	settings.RuntimeParams["wal_sender_timeout"] = "30s" // a stand-by can take over that long after a cut
	settings.RuntimeParams["application_name"] = "rollcall reader"
	conn, err := pgconn.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, 0, fmt.Errorf("connect for replication: %w", err)
	}
	confirmed, err := confirmedFlush(ctx, conn, cfg.Slot)
	if err == nil {
		err = conn.SyncConn(ctx)
	}
	if err != nil {
		return nil, 0, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	taken, err := conn.Hijack()
	if err != nil {
		return nil, 0, fmt.Errorf("take over replication connection: %w", err)
	}
	if n := taken.Frontend.ReadBufferLen(); n > 0 {
		return nil, 0, errors.Join(fmt.Errorf("take over replication connection: %d bytes were read ahead", n), taken.Conn.Close())
	}
	return &wire{conn: taken.Conn, buf: make([]byte, wireBuffer), lastReceived: cfg.Now(), now: cfg.Now}, confirmed, nil
}

// confirmedFlush is where the server would begin. Acknowledging less would
// move the slot backwards on older servers.
func confirmedFlush(ctx context.Context, conn *pgconn.PgConn, slot string) (LSN, error) {
	query := fmt.Sprintf("select confirmed_flush_lsn, coalesce(wal_status = 'lost', false) from pg_catalog.pg_replication_slots where slot_name = '%s'",
		strings.ReplaceAll(slot, "'", "''"))
	results, err := conn.Exec(ctx, query).ReadAll()
	switch {
	case err != nil:
		return 0, fmt.Errorf("read slot %s: %w", slot, err)
	case len(results) != 1 || len(results[0].Rows) != 1:
		return 0, problem(ErrSlotMissing, "slot %q", slot)
	}
	row := results[0].Rows[0]
	if string(row[1]) == "t" {
		return 0, lost(slot)
	}
	lsn, err := pglogrepl.ParseLSN(string(row[0]))
	if err != nil {
		return 0, fmt.Errorf("read slot %s: %w", slot, err)
	}
	return lsn, nil
}

func (c *wire) close() {
	// Terminate lets the walsender end at once; a broken connection does not
	// matter any more.
	_ = c.conn.SetWriteDeadline(c.now().Add(time.Second))
	_, _ = c.conn.Write([]byte{'X', 0, 0, 0, 4})
	_ = c.conn.Close()
}

// start sends START_REPLICATION from 0/0: the server begins at the slot's own
// position. A position of ours would be ignored when behind, and when ahead
// nothing would come, both without an error.
func (c *wire) start(slot, publication string) error {
	command := fmt.Sprintf(`START_REPLICATION SLOT "%s" LOGICAL 0/0 (proto_version '1', publication_names '%s', messages 'true')`,
		strings.ReplaceAll(slot, `"`, `""`), strings.ReplaceAll(`"`+strings.ReplaceAll(publication, `"`, `""`)+`"`, "'", "''"))
	query, err := (&pgproto3.Query{String: command}).Encode(nil)
	if err != nil {
		return fmt.Errorf("start replication: %w", err)
	}
	if _, err := c.conn.Write(query); err != nil {
		return fmt.Errorf("start replication: %w", err)
	}
	for {
		kind, body, err := c.next(c.now().Add(time.Minute))
		switch {
		case err != nil:
			return fmt.Errorf("start replication: %w", err)
		case kind == 'W':
			return nil
		case kind == 'Z' || kind == 'c' || kind == 'C':
			return problem(ErrProtocol, "the server did not start to stream")
		}
		if err := serverError(kind, body); err != nil {
			return fmt.Errorf("start replication: %w", err)
		}
	}
}

// next returns the next message of the server: its kind and its body, valid
// until the next call. It is errIdle when none is complete by the deadline.
func (c *wire) next(deadline time.Time) (kind byte, body []byte, err error) {
	if err := c.fill(5, deadline); err != nil {
		return 0, nil, err
	}
	kind = c.buf[c.r]
	length := int(binary.BigEndian.Uint32(c.buf[c.r+1:])) - 4
	if length < 0 {
		return 0, nil, problem(ErrProtocol, "a message of negative length")
	}
	if kind == 'd' && length > skipFrom {
		// 'w' + three int64, then the pgoutput message.
		if err := c.fill(5+26, deadline); err != nil {
			return 0, nil, err
		}
		if c.buf[c.r+5] == 'w' && c.buf[c.r+5+25] == 'M' {
			return 'd', nil, c.skip(5 + length)
		}
	}
	if err := c.fill(5+length, deadline); err != nil {
		return 0, nil, err
	}
	body = c.buf[c.r+5 : c.r+5+length]
	c.r += 5 + length
	return kind, body, nil
}

// buffered says whether a message may be there without reading.
func (c *wire) buffered() bool { return c.w-c.r >= 5 }

func (c *wire) fill(n int, deadline time.Time) error {
	if c.w-c.r >= n {
		return nil
	}
	if c.r > 0 {
		copy(c.buf, c.buf[c.r:c.w])
		c.w -= c.r
		c.r = 0
	}
	if n > len(c.buf) {
		grown := make([]byte, n)
		copy(grown, c.buf[:c.w])
		c.buf = grown
	} else if len(c.buf) > skipFrom && n <= wireBuffer && c.w <= wireBuffer {
		c.buf = append(make([]byte, 0, wireBuffer), c.buf[:wireBuffer]...)
	}
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	for c.w < n {
		read, err := c.conn.Read(c.buf[c.w:])
		c.w += read
		if read > 0 {
			c.lastReceived = c.now()
		}
		if c.w >= n {
			return nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errIdle
		}
		if err != nil {
			return fmt.Errorf("read stream: %w", err)
		}
	}
	return nil
}

// skip throws n bytes away. It blocks until they have come, at most a minute
// for each piece.
func (c *wire) skip(n int) error {
	for n > 0 {
		have := min(n, c.w-c.r)
		c.r += have
		n -= have
		if n == 0 {
			return nil
		}
		if err := c.fill(1, c.now().Add(time.Minute)); err != nil {
			if errors.Is(err, errIdle) {
				return fmt.Errorf("read stream: %w", io.ErrNoProgress)
			}
			return err
		}
	}
	return nil
}

// status is a standby status update. All three positions are set: a flush of
// zero would be taken for the write position.
func (c *wire) status(received, durable LSN, wantReply bool) error {
	var m [39]byte
	m[0] = 'd'
	binary.BigEndian.PutUint32(m[1:], 38)
	m[5] = 'r'
	binary.BigEndian.PutUint64(m[6:], uint64(received))
	binary.BigEndian.PutUint64(m[14:], uint64(durable))
	binary.BigEndian.PutUint64(m[22:], uint64(durable))
	binary.BigEndian.PutUint64(m[30:], uint64(c.now().UnixMicro()-946684800000000))
	if wantReply {
		m[38] = 1
	}
	if err := c.conn.SetWriteDeadline(c.now().Add(30 * time.Second)); err != nil {
		return fmt.Errorf("send status: %w", err)
	}
	if _, err := c.conn.Write(m[:]); err != nil {
		return fmt.Errorf("send status: %w", err)
	}
	return nil
}

// serverError is the error in a message of the server, if it is one.
func serverError(kind byte, body []byte) error {
	if kind != 'E' {
		return nil
	}
	var e pgproto3.ErrorResponse
	if err := e.Decode(body); err != nil {
		return problem(ErrProtocol, "an unreadable error of the server")
	}
	return pgconn.ErrorResponseToPgError(&e)
}

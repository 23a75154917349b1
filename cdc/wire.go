package cdc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// wire is a replication connection taken over from pgconn after its start-up,
// so that the stream is read without an allocation for each message. One
// goroutine owns it; others may only wake that one.
type wire struct {
	conn    net.Conn
	buf     []byte
	r, w    int // unread part of buf
	discard int // bytes of a skipped message that are still to come
	woken   atomic.Bool

	lastReceived time.Time
	now          func() time.Time
}

const (
	wireBuffer = 64 << 10
	// skipFrom is the size from which a logical message is skipped unread: ours
	// are far smaller, and anybody may write large ones.
	skipFrom = 1 << 20
	// maxMessage is more than the server can put into one message.
	maxMessage = 1 << 30
	// copyHeader is what comes before a pgoutput message: 'w' and three int64.
	copyHeader = 1 + 3*8

	writePatience = 30 * time.Second
)

var (
	// errIdle says that no message was complete before the deadline.
	errIdle = errors.New("read stream: nothing arrived")
	// errWoken says that wake was called.
	errWoken = errors.New("read stream: woken")
)

func newWire(conn net.Conn, now func() time.Time) *wire {
	return &wire{conn: conn, buf: make([]byte, wireBuffer), lastReceived: now(), now: now}
}

// wake makes a next that is waiting, or else one that follows, return errWoken.
// Any goroutine may call it.
func (c *wire) wake() {
	c.woken.Store(true)
	_ = c.conn.SetReadDeadline(time.Unix(1, 0))
}

// close lets the server end its side at once; whether a broken connection hears
// of that does not matter any more.
func (c *wire) close() {
	_ = c.conn.SetWriteDeadline(c.now().Add(time.Second))
	_, _ = c.conn.Write([]byte{'X', 0, 0, 0, 4})
	_ = c.conn.Close()
}

// next returns the next message of the server: its kind and its body, valid
// until the next call. A logical message too long to be ours has no body.
// When it returns errIdle or errWoken, what has arrived is kept.
func (c *wire) next(deadline time.Time) (kind byte, body []byte, err error) {
	for c.discard > 0 {
		if err := c.fill(1, deadline); err != nil {
			return 0, nil, err
		}
		n := min(c.discard, c.w-c.r)
		c.r += n
		c.discard -= n
	}
	if err := c.fill(5, deadline); err != nil {
		return 0, nil, err
	}
	kind = c.buf[c.r]
	length := int(binary.BigEndian.Uint32(c.buf[c.r+1:]))
	if length < 4 || length > maxMessage {
		return 0, nil, problem(ErrProtocol, "the server announces a message of %d bytes", length)
	}
	total := 1 + length
	if kind == 'd' && total > skipFrom {
		if err := c.fill(5+copyHeader+1, deadline); err != nil {
			return 0, nil, err
		}
		if c.buf[c.r+5] == 'w' && c.buf[c.r+5+copyHeader] == 'M' {
			c.discard = total
			return 'd', nil, nil
		}
	}
	if err := c.fill(total, deadline); err != nil {
		return 0, nil, err
	}
	body = c.buf[c.r+5 : c.r+total]
	c.r += total
	return kind, body, nil
}

// buffered says whether the next message is here already.
func (c *wire) buffered() bool {
	have := c.w - c.r
	return c.discard == 0 && have >= 5 && have > int(binary.BigEndian.Uint32(c.buf[c.r+1:]))
}

// fill reads until n bytes are there.
func (c *wire) fill(n int, deadline time.Time) error {
	if c.w-c.r >= n {
		return nil
	}
	c.makeRoom(n)
	if err := c.conn.SetReadDeadline(deadline); err != nil {
		return fmt.Errorf("read stream: %w", err)
	}
	// In this order: a wake from now on moves the deadline that was just set.
	if c.woken.Swap(false) {
		return errWoken
	}
	for c.w < n {
		read, err := c.conn.Read(c.buf[c.w:])
		if c.w += read; read > 0 {
			c.lastReceived = c.now()
		}
		switch {
		case c.w >= n:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if c.woken.Swap(false) {
				return errWoken
			}
			return errIdle
		case err != nil:
			return fmt.Errorf("read stream: %w", err)
		}
	}
	return nil
}

// makeRoom moves what is unread to the start of a buffer that can hold n bytes.
// A buffer that one large row made grow is not kept.
func (c *wire) makeRoom(n int) {
	have := c.buf[c.r:c.w]
	if fit := max(n, wireBuffer); fit > len(c.buf) || fit < len(c.buf) && len(have) <= fit {
		c.buf = make([]byte, fit)
	}
	c.w = copy(c.buf, have)
	c.r = 0
}

// send writes a message.
func (c *wire) send(message []byte) error {
	err := c.conn.SetWriteDeadline(c.now().Add(writePatience))
	if err == nil {
		_, err = c.conn.Write(message)
	}
	return err
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
	binary.BigEndian.PutUint64(m[30:], uint64(c.now().UnixMicro()-pgEpoch))
	if wantReply {
		m[38] = 1
	}
	if err := c.send(m[:]); err != nil {
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

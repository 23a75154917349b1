package cdc

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pacedConn reads in large pieces. A walsender sends every message by itself. A
// reader that is faster than it would be woken for each of them, several times
// a transaction, which costs both sides far more than the decoding. So after a
// small piece it waits a moment for more to come, and the kernel is told not to
// wake anybody meanwhile.
type pacedConn struct {
	net.Conn
	raw  syscall.RawConn // nil: the kernel cannot be told
	now  func() time.Time
	buf  []byte // what a reader of small pieces, such as TLS, has not taken yet
	rest []byte // unread part of buf
	last time.Time
	full bool          // the last piece was large
	pace time.Duration // how long to wait after a small piece
}

// While small pieces come without a pause the reader waits longer for each: what is
// not large enough to keep it busy need not keep it awake either.
const (
	paceFirst  = 2 * time.Millisecond
	paceMost   = 16 * time.Millisecond
	pieceBytes = 64 << 10
	largePiece = pieceBytes / 4
	quietBelow = 4 * pieceBytes
)

// paced makes the connections of dial paced.
func paced(dial pgconn.DialFunc, now func() time.Time) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &pacedConn{Conn: conn, now: now, buf: make([]byte, pieceBytes)}
		if s, ok := conn.(syscall.Conn); ok {
			if c.raw, err = s.SyscallConn(); err != nil {
				c.raw = nil
			}
		}
		return c, nil
	}
}

// Read returns what has come, at most len(p) bytes of it.
func (c *pacedConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if len(p) >= len(c.buf) {
			return c.readPiece(p)
		}
		n, err := c.readPiece(c.buf)
		if n == 0 {
			return 0, err
		}
		c.rest = c.buf[:n]
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *pacedConn) readPiece(p []byte) (int, error) {
	if wait := c.pace - c.now().Sub(c.last); wait > 0 && !c.full {
		time.Sleep(min(wait, c.pace))
	}
	began := c.now()
	c.wakeFrom(1)
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.last, c.full = c.now(), n >= largePiece
		c.pace = min(2*c.pace, paceMost)
		if c.pace == 0 || c.last.Sub(began) > c.pace {
			c.pace = paceFirst
		}
		c.wakeFrom(quietBelow)
	}
	return n, err
}

// wakeFrom has the kernel wake nobody before so many bytes are there. Without
// it all is the same, only slower.
func (c *pacedConn) wakeFrom(bytes int) {
	if c.raw != nil {
		_ = c.raw.Control(func(fd uintptr) { _ = setLowWater(fd, bytes) })
	}
}

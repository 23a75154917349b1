package cdc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// pipe is a wire and the server's end of it.
func pipe(t *testing.T) (*wire, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return newWire(ours, time.Now), theirs
}

func serverMessage(kind byte, body []byte) []byte {
	m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body)))
	return append(m, body...)
}

// copyData wraps a pgoutput message as the server does.
func copyData(at LSN, f frame) []byte {
	return serverMessage('d', append(frame("w").u64(uint64(at)).u64(uint64(at)).u64(0), f...))
}

func soon() time.Time { return time.Now().Add(10 * time.Second) }

// Messages arrive whole however the network cuts them.
func TestWireJoinsPieces(t *testing.T) {
	var stream []byte
	var bodies [][]byte
	for _, n := range []int{0, 1, 18, 1000, wireBuffer - 5, wireBuffer, 3 * wireBuffer, 7} {
		body := bytes.Repeat([]byte{byte(n)}, n)
		bodies = append(bodies, body)
		stream = append(stream, serverMessage('d', body)...)
	}
	for _, piece := range []int{7, 4096, len(stream)} {
		c, server := pipe(t)
		go func() {
			for rest := stream; len(rest) > 0; {
				n := min(piece, len(rest))
				if _, err := server.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		for i, want := range bodies {
			kind, body, err := c.next(soon())
			if err != nil || kind != 'd' || !bytes.Equal(body, want) {
				t.Fatalf("pieces of %d: message %d: %c, %d bytes, %v", piece, i, kind, len(body), err)
			}
		}
		if len(c.buf) > 4*wireBuffer {
			t.Errorf("the buffer has grown to %d bytes", len(c.buf))
		}
	}
}

// A message that is only half there when the deadline comes is not lost.
func TestWireKeepsHalfAMessage(t *testing.T) {
	c, server := pipe(t)
	m := serverMessage('d', []byte("keepalive"))
	half := make(chan struct{})
	go func() {
		_, _ = server.Write(m[:8])
		<-half
		_, _ = server.Write(m[8:])
	}()
	if _, _, err := c.next(time.Now().Add(20 * time.Millisecond)); !errors.Is(err, errIdle) {
		t.Fatalf("%v, want errIdle", err)
	}
	close(half)
	if _, body, err := c.next(soon()); err != nil || string(body) != "keepalive" {
		t.Errorf("%q, %v", body, err)
	}
}

// Somebody else's huge logical message takes no memory, and interrupts nothing.
func TestWireSkipsHugeLogicalMessages(t *testing.T) {
	c, server := pipe(t)
	huge := copyData(1, logicalMessage(1, "other", string(make([]byte, 2<<20))))
	release := make(chan struct{})
	go func() {
		_, _ = server.Write(huge[:1<<20])
		<-release
		_, _ = server.Write(huge[1<<20:])
		_, _ = server.Write(copyData(2, begin(1, 2)))
	}()
	if _, body, err := c.next(soon()); err != nil || body != nil {
		t.Fatalf("%d bytes, %v, want none", len(body), err)
	}
	// The rest is still to come; a status can go out meanwhile.
	if _, _, err := c.next(time.Now().Add(20 * time.Millisecond)); !errors.Is(err, errIdle) {
		t.Fatalf("%v, want errIdle", err)
	}
	close(release)
	if _, body, err := c.next(soon()); err != nil || body[copyHeader] != 'B' {
		t.Errorf("after it: %q, %v", body, err)
	}
	if len(c.buf) > skipFrom {
		t.Errorf("the buffer has grown to %d bytes", len(c.buf))
	}
}

func TestWireRefusesImpossibleLengths(t *testing.T) {
	for _, length := range []uint32{0, 3, 1<<30 + 1, 1<<32 - 1} {
		c, server := pipe(t)
		go func() { _, _ = server.Write(binary.BigEndian.AppendUint32([]byte{'d'}, length)) }()
		if _, _, err := c.next(soon()); !errors.Is(err, ErrProtocol) {
			t.Errorf("length %d: %v", length, err)
		}
	}
}

func TestWireIsWoken(t *testing.T) {
	c, _ := pipe(t)
	c.wake() // before
	if _, _, err := c.next(soon()); !errors.Is(err, errWoken) {
		t.Errorf("%v, want errWoken", err)
	}
	go c.wake() // at some moment
	_, _, err := c.next(soon())
	if !errors.Is(err, errWoken) {
		t.Errorf("%v, want errWoken", err)
	}
}

func TestWireEnds(t *testing.T) {
	c, server := pipe(t)
	_ = server.Close()
	if _, _, err := c.next(soon()); err == nil || errors.Is(err, errIdle) || !passing(err) {
		t.Errorf("%v, want one after which Run connects again", err)
	}
}

// countingConn counts how often it is read.
type countingConn struct {
	net.Conn
	reads atomic.Int64
}

func (c *countingConn) Read(p []byte) (int, error) {
	c.reads.Add(1)
	return c.Conn.Read(p)
}

// A reader of small pieces, such as TLS, does not make many reads of the
// connection, and gets every byte in order.
func TestPacedReadsInLargePieces(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var want []byte
	for i := range 200_000 {
		want = append(want, byte(i), byte(i>>8))
	}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for rest := want; len(rest) > 0; rest = rest[40:] { // a message at a time
			if _, err := conn.Write(rest[:40]); err != nil {
				return
			}
		}
	}()
	counting := &countingConn{}
	dial := paced((&net.Dialer{}).DialContext, time.Now)
	conn, err := dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	counting.Conn, conn.(*pacedConn).Conn = conn.(*pacedConn).Conn, counting
	got, err := io.ReadAll(struct{ io.Reader }{conn}) // in pieces of 512 bytes and more
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v, want %d", len(got), err, len(want))
	}
	if messages := int64(len(want) / 40); counting.reads.Load() > messages/10 {
		t.Errorf("%d reads for %d messages", counting.reads.Load(), messages)
	}
}

package faultproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"rollcall/internal/faultproxy"
)

// echo answers every line with the same line. lost gets each connection's end.
func echo(t *testing.T) (address string, lost chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lost = make(chan error, 10)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				_, err := io.Copy(conn, conn)
				lost <- err
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String(), lost
}

type client struct {
	net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, p *faultproxy.Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{conn, bufio.NewReader(conn)}
}

// ask sends a line and returns the answer, or what came instead within a time.
func (c *client) ask(line string, within time.Duration) (string, error) {
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return c.lines.ReadString('\n')
}

const (
	long  = 10 * time.Second
	short = 50 * time.Millisecond
)

func newProxy(t *testing.T) (*faultproxy.Proxy, chan error) {
	t.Helper()
	target, lost := echo(t)
	p, err := faultproxy.Listen(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, lost
}

func wantAnswer(t *testing.T, c *client, line string) {
	t.Helper()
	if got, err := c.ask(line, long); err != nil || got != line+"\n" {
		t.Fatalf("asked %q: %q, %v", line, got, err)
	}
}

func TestProxyPassesAndStalls(t *testing.T) {
	p, _ := newProxy(t)
	c := dial(t, p)
	wantAnswer(t, c, "first")
	p.Stall()
	p.Stall()
	if got, err := c.ask("second", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("while it stalls: %q, %v", got, err)
	}
	p.Resume()
	p.Resume()
	if err := c.SetDeadline(time.Now().Add(long)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.lines.ReadString('\n'); err != nil || got != "second\n" {
		t.Fatalf("afterwards: %q, %v", got, err)
	}
}

func TestProxyCutsAndRefuses(t *testing.T) {
	p, lost := newProxy(t)
	c := dial(t, p)
	wantAnswer(t, c, "first")
	p.Refuse(true)
	p.Cut()
	if _, err := c.ask("second", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the cut: %v", err)
	}
	<-lost
	if _, err := dial(t, p).ask("third", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new connection: %v", err)
	}
	p.Refuse(false)
	wantAnswer(t, dial(t, p), "fourth")
}

func TestProxyForgetsOneSide(t *testing.T) {
	p, lost := newProxy(t)
	c := dial(t, p)
	wantAnswer(t, c, "first")
	p.ForgetClients()
	<-lost
	if _, err := c.ask("second", short); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that was forgotten hears %v", err)
	}
	c = dial(t, p)
	wantAnswer(t, c, "third")
	p.ForgetServers()
	if _, err := c.ask("fourth", long); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client hears %v", err)
	}
	select {
	case err := <-lost:
		t.Errorf("the server heard of it: %v", err)
	case <-time.After(short):
	}
}

// Package faultproxy is a TCP proxy that breaks connections in the ways in which
// networks do. It is for tests.
package faultproxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// Proxy passes connections on to one target. Its methods may be called at any
// time.
type Proxy struct {
	target   string
	listener net.Listener
	ended    sync.WaitGroup

	mu     sync.Mutex
	links  map[*link]bool
	gate   chan struct{} // closed: bytes pass
	refuse bool
	closed bool
}

// link is one connection with both its ends.
type link struct{ client, server net.Conn }

// Listen starts a proxy to a host and port. It must be closed.
func Listen(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", target, err)
	}
	open := make(chan struct{})
	close(open)
	p := &Proxy{target: target, listener: listener, links: map[*link]bool{}, gate: open}
	p.ended.Go(p.accept)
	return p, nil
}

// Addr is the host and port to connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse || p.closed
		p.mu.Unlock()
		server, err := net.Dial("tcp", p.target)
		if refuse || err != nil {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			continue
		}
		l := &link{client, server}
		p.mu.Lock()
		p.links[l] = true
		p.mu.Unlock()
		p.ended.Go(func() { p.pass(l, client, server) })
		p.ended.Go(func() { p.pass(l, server, client) })
	}
}

// pass copies one direction, and while the proxy stalls keeps what it has. The
// end of a whole link ends both sides; a half of one hears nothing.
func (p *Proxy) pass(l *link, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		<-gate
		if n > 0 && err == nil {
			_, err = to.Write(buf[:n])
		}
		if err == nil {
			continue
		}
		p.mu.Lock()
		whole := p.links[l]
		if whole {
			delete(p.links, l)
		}
		p.mu.Unlock()
		if whole {
			_ = from.Close()
			_ = to.Close()
		}
		return
	}
}

// Cut closes every connection on both sides.
func (p *Proxy) Cut() {
	p.each(func(l *link) {
		delete(p.links, l)
		_ = l.client.Close()
		_ = l.server.Close()
	})
}

// ForgetClients closes the server's side of every connection; the clients hear
// nothing of it. Close ends theirs.
func (p *Proxy) ForgetClients() {
	p.each(func(l *link) { p.links[l] = false; _ = l.server.Close() })
}

// ForgetServers closes the clients' side of every connection; the server hears
// nothing of it. Close ends its side.
func (p *Proxy) ForgetServers() {
	p.each(func(l *link) { p.links[l] = false; _ = l.client.Close() })
}

func (p *Proxy) each(f func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l, whole := range p.links {
		if whole {
			f(l)
		}
	}
}

// Refuse says whether new connections are closed at once.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// Stall lets no more bytes pass, until Resume; connections stay open.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default: // it does
	}
}

// Resume ends Stall. Nothing of what was sent meanwhile is missing.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// Close ends the proxy and all connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Resume()
	p.mu.Lock()
	for l := range p.links {
		err = errors.Join(err, ignoreClosed(l.client.Close()), ignoreClosed(l.server.Close()))
	}
	p.mu.Unlock()
	p.ended.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

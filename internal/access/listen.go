package access

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Exposure says where the console listens, and what protects it there.
type Exposure struct {
	Address          string // host:port
	Certificate, Key string // files of TLS, empty: plain HTTP
	Proxy            bool   // a trusted proxy says who it let in, and only it is answered
}

// ExposedError says why the console does not listen: others would read
// passwords, or nobody could log in.
type ExposedError struct{ Address, Problem, Try string }

func (e *ExposedError) Error() string {
	return fmt.Sprintf("open console on %s: %s", e.Address, e.Problem)
}

// Loopback says whether only this host reaches an address. A host name other
// than localhost may lead anywhere.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Listen opens the console's port. Beyond this host it needs TLS and somebody
// who can log in, or a proxy; the error is an *ExposedError otherwise. passwords
// says whether a user has a password.
func Listen(ctx context.Context, e Exposure, passwords func(context.Context) (bool, error)) (net.Listener, error) {
	if !Loopback(e.Address) && !e.Proxy {
		if e.Certificate == "" {
			return nil, &ExposedError{
				e.Address, "other hosts reach this address, and passwords would travel in the open",
				"console.tls or console.trusted_header; or console.listen: 127.0.0.1:port",
			}
		}
		some, err := passwords(ctx)
		if err != nil {
			return nil, err
		}
		if !some {
			return nil, &ExposedError{
				e.Address, "other hosts reach this address, and there is no user with a password yet",
				"rollcall users add NAME --role admin",
			}
		}
	}
	var settings *tls.Config
	if e.Certificate != "" {
		pair := &certificate{files: [2]string{e.Certificate, e.Key}}
		if _, err := pair.current(nil); err != nil {
			return nil, err
		}
		settings = &tls.Config{GetCertificate: pair.current, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", e.Address)
	if err != nil {
		return nil, fmt.Errorf("open console: %w", err)
	}
	if settings != nil {
		l = tls.NewListener(l, settings)
	}
	return l, nil
}

// certificate is read again when one of its files has changed, so that a new one
// needs no restart.
type certificate struct {
	files [2]string // certificate, key

	mu     sync.Mutex
	loaded *tls.Certificate
	at     [2]time.Time // when the files had last changed
}

// current is a tls.Config.GetCertificate. While the files cannot be read, or do
// not belong together, it is the one before.
func (c *certificate) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, err := c.changed()
	if err == nil && (c.loaded == nil || at != c.at) {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(c.files[0], c.files[1]); err == nil {
			c.loaded, c.at = &pair, at
		}
	}
	if c.loaded == nil {
		return nil, fmt.Errorf("read certificate of the console: %w", err)
	}
	return c.loaded, nil
}

func (c *certificate) changed() (at [2]time.Time, err error) {
	for i, name := range c.files {
		info, err := os.Stat(name)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

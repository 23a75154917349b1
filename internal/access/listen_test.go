package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"rollcall/internal/access"
)

func TestBeyondThisHostOnlyProtected(t *testing.T) {
	cert, key := certify(t, t.TempDir(), 1, time.Unix(1, 0))
	for name, tc := range map[string]struct {
		exposure  access.Exposure
		passwords bool
		opens     bool
	}{
		"loopback":                      {access.Exposure{Address: "127.0.0.1:0"}, false, true},
		"localhost":                     {access.Exposure{Address: "localhost:0"}, false, true},
		"all addresses, open":           {access.Exposure{Address: ":0"}, true, false},
		"0.0.0.0, open":                 {access.Exposure{Address: "0.0.0.0:0"}, true, false},
		"all addresses, TLS, no user":   {access.Exposure{Address: ":0", Certificate: cert, Key: key}, false, false},
		"all addresses, TLS and a user": {access.Exposure{Address: ":0", Certificate: cert, Key: key}, true, true},
		"all addresses, proxy":          {access.Exposure{Address: ":0", Proxy: true}, false, true},
	} {
		l, err := access.Listen(t.Context(), tc.exposure, func(context.Context) (bool, error) { return tc.passwords, nil })
		exposed, refused := errors.AsType[*access.ExposedError](err)
		if refused == tc.opens || !tc.opens && exposed.Try == "" || tc.opens && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if l != nil {
			l.Close()
		}
	}
	broken := errors.New("broken")
	_, err := access.Listen(t.Context(), access.Exposure{Address: ":0", Certificate: cert, Key: key}, func(context.Context) (bool, error) { return true, broken })
	if !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if _, err := access.Listen(t.Context(), access.Exposure{Address: "127.0.0.1:0", Certificate: cert, Key: "none"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a key: %v", err)
	}
}

// A renewed certificate is served from the next connection on, and a broken one
// never.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := certify(t, dir, 1, time.Unix(1, 0))
	l, err := access.Listen(t.Context(), access.Exposure{Address: "127.0.0.1:0", Certificate: cert, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).Handshake() // the client judges it
			c.Close()
		}
	}()
	if n := served(t, l.Addr()); n != 1 {
		t.Errorf("certificate %d is served", n)
	}
	certify(t, dir, 2, time.Unix(2, 0))
	if n := served(t, l.Addr()); n != 2 {
		t.Errorf("certificate %d is served after it was renewed", n)
	}
	if err := os.WriteFile(cert, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := served(t, l.Addr()); n != 2 {
		t.Errorf("certificate %d is served after it was broken", n)
	}
}

// served is the serial number of the certificate that is served.
func served(t *testing.T, addr net.Addr) int64 {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	c, err := d.DialContext(t.Context(), "tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// certify writes a certificate with its key, as of a time.
func certify(t *testing.T, dir string, serial int64, at time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := errors.Join(os.WriteFile(name, pem.EncodeToMemory(block), 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

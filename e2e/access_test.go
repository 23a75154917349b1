package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"rollcall/internal/cli"
)

// The console of the running program, over TLS: nothing is served for other hosts
// before there is a user; then it asks who it is, lets a user in, and throws out
// who was removed.
func TestConsoleAsksWhoItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "small", fillSmall)
	cert, key := certificate(t)
	_, port, err := net.SplitHostPort(freeAddress(t))
	w.must(t, err)
	text, err := os.ReadFile(w.config)
	w.must(t, err)
	text = regexp.MustCompile(`(?m)^console: .*\n`).ReplaceAll(text, nil)
	w.must(t, os.WriteFile(w.config, fmt.Appendf(text, "console: {listen: \":%s\", tls: {certificate: %s, key: %s}}\n", port, cert, key), 0o600))

	if out, exit := w.command(t, "run"); exit != cli.ExitFailure || !strings.Contains(out, "there is no user with a password yet\nTry: rollcall users add NAME --role admin") {
		t.Fatalf("without a user run exits with %d: %s", exit, out)
	}
	users := func(stdin string, args ...string) {
		t.Helper()
		var errText bytes.Buffer
		p := cli.Program{Stdin: strings.NewReader(stdin), Stdout: io.Discard, Stderr: &errText, Now: time.Now, User: "olive"}
		if code := p.Main(append(append([]string{"users"}, args...), "--config", w.config)); code != cli.ExitOK {
			t.Fatalf("users %s exits with %d: %s", args, code, &errText)
		}
	}
	const password = "correct horse battery"
	users(password+"\n", "add", "ann", "--role", "admin")
	w.start(t)

	jar, err := cookiejar.New(nil)
	w.must(t, err)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	base := "https://localhost:" + port
	w.answers(t, browser, base+"/login")
	if status, to := fetch(t, browser, http.MethodGet, base+"/a/1/", nil); status != http.StatusSeeOther || to != "/login?next=%2Fa%2F1%2F" {
		t.Errorf("a page answers a stranger with %d, to %s", status, to)
	}
	if status, _ := fetch(t, browser, http.MethodGet, base+"/static/console.css", nil); status != http.StatusOK {
		t.Errorf("the login page's style is answered with %d", status)
	}
	if status, _ := fetch(t, browser, http.MethodPost, base+"/login", url.Values{"name": {"ann"}, "password": {"wrong"}}); status != http.StatusForbidden {
		t.Errorf("a wrong password is answered with %d", status)
	}
	if status, to := fetch(t, browser, http.MethodPost, base+"/login", url.Values{"name": {"ann"}, "password": {password}}); status != http.StatusSeeOther || to != "/" {
		t.Errorf("the login is answered with %d, to %s", status, to)
	}
	where, err := url.Parse(base)
	w.must(t, err)
	if cookies := jar.Cookies(where); len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-") {
		t.Errorf("cookies are %v", cookies)
	}
	status, to := fetch(t, browser, http.MethodGet, base+"/", nil)
	if status == http.StatusSeeOther && strings.HasPrefix(to, "/login") || status >= http.StatusBadRequest {
		t.Errorf("the console answers a user with %d, to %s", status, to)
	}
	users("", "remove", "ann")
	if status, to := fetch(t, browser, http.MethodGet, base+"/", nil); status != http.StatusSeeOther || to != "/login" {
		t.Errorf("the console answers who was removed with %d, to %s", status, to)
	}
	w.stop(t)
	if strings.Contains(w.log.String(), password) {
		t.Error("the log has a password")
	}
}

// answers waits until somebody answers.
func (w *world) answers(t *testing.T, browser *http.Client, address string) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		res, err := browser.Get(address)
		if err == nil {
			res.Body.Close()
			return
		}
		select {
		case <-deadline:
			t.Fatalf("nobody answers: %v", err)
		case <-tick.C:
		}
	}
}

// fetch asks for a page, and returns where it leads.
func fetch(t *testing.T, browser *http.Client, method, address string, form url.Values) (status int, to string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Header.Get("Location")
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate writes one for localhost, with its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	cert, certErr := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	der, keyErr := x509.MarshalPKCS8PrivateKey(key)
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(certErr, keyErr,
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

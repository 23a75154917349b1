package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	minIdle     = 5 * time.Minute
	maxLifetime = 30 * 24 * time.Hour
	// A wider network than these is a typing mistake, not a proxy.
	widest4, widest6 = 8, 32
)

var headerName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)

// otherHeaders say something else than who is signed in.
var otherHeaders = []string{"authorization", "cookie", "forwarded", "host", "origin", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"}

// console checks where the console listens and what protects it there: passwords
// never travel in the open, and nobody but users gets in.
func (p *problems) console(c Console) {
	trusted := c.TrustedHeader.Name != "" || len(c.TrustedHeader.Proxies) > 0
	secured := c.TLS != TLS{}
	if c.Listen != ConsoleOff {
		host, port, err := net.SplitHostPort(c.Listen)
		_, portErr := strconv.ParseUint(port, 10, 16)
		p.unless(err == nil && portErr == nil, "console.listen", "must be host:port, or off")
		ip := net.ParseIP(host)
		local := host == "localhost" || ip != nil && ip.IsLoopback()
		p.unless(err != nil || local || trusted || secured, "console.listen",
			"must be on this host, such as 127.0.0.1:8411, as long as neither console.tls nor console.trusted_header protects it")
	}
	u, err := url.Parse(c.URL)
	ok := c.URL == "" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
	p.unless(ok, "console.url", "must be https://host or https://host:port, as browsers reach the console, without a path")
	if secured {
		p.unless(filepath.IsAbs(c.TLS.Certificate), "console.tls.certificate", "must be the absolute path of a file in PEM form")
		p.unless(filepath.IsAbs(c.TLS.Key), "console.tls.key", "must be the absolute path of a file in PEM form")
	}
	if trusted {
		p.trustedHeader(c.TrustedHeader)
	}
	p.unless(c.Idle >= minIdle && c.Idle <= c.Lifetime, "console.idle", "must be between 5m and console.lifetime")
	p.unless(c.Lifetime <= maxLifetime, "console.lifetime", "must be at most 720h")
}

func (p *problems) trustedHeader(h TrustedHeader) {
	p.unless(headerName.MatchString(h.Name), "console.trusted_header.name", "must be the name of a header, such as X-Forwarded-User")
	p.unless(!slices.Contains(otherHeaders, strings.ToLower(h.Name)), "console.trusted_header.name", "must not be a header that says something else")
	p.unless(len(h.Proxies) > 0, "console.trusted_header.proxies", "must have the address of the proxy: from everywhere else the header is ignored")
	for i, text := range h.Proxies {
		_, ok := network(text)
		p.unless(ok, "console.trusted_header.proxies["+strconv.Itoa(i)+"]", "must be an address such as 10.0.0.5, or a network such as 10.0.0.0/28, no wider than /8 (IPv6: /32)")
	}
}

// network reads an address or a network.
func network(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(text)
	widest := widest6
	if prefix.Addr().Is4() {
		widest = widest4
	}
	return prefix.Masked(), err == nil && !prefix.Addr().Is4In6() && prefix.Bits() >= widest
}

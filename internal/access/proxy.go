package access

import (
	"net/http"
	"net/netip"
	"slices"
)

type namedKey struct{}

// named is whom a proxy let in, empty where none did.
func named(r *http.Request) string {
	name, _ := r.Context().Value(namedKey{}).(string)
	return name
}

// proxied reads whom a trusted proxy let in. What anybody else writes into the
// header is taken out of the request. It answers what it refuses, and ok is
// false then.
func (g *Guard) proxied(w http.ResponseWriter, r *http.Request) (name string, ok bool) {
	trusted := g.fromProxy(r)
	if g.cfg.ProxiesOnly && !trusted {
		refuse(w, http.StatusForbidden, "Refused", "The console is reached through its proxy only.")
		return "", false
	}
	if g.cfg.Header == "" {
		return "", true
	}
	values := r.Header.Values(g.cfg.Header)
	r.Header.Del(g.cfg.Header)
	if !trusted || len(values) == 0 {
		return "", true
	}
	name = foldName(values[0])
	if len(values) > 1 || !userName.MatchString(name) {
		refuse(w, http.StatusBadRequest, "Not understood", "The proxy did not say clearly who you are. It must set its header exactly once, and take out what a browser sends.")
		return "", false
	}
	return name, true
}

func (g *Guard) fromProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && slices.ContainsFunc(g.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) })
}

// clientOf is the address that a login is counted on. Whoever has an IPv6
// address has 2^64 of them.
func clientOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}

package caddymodule

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lookup"
)

// A source bans neither this machine nor a proxy that is trusted, whatever it lists,
// and no more of the Internet than the operator says.
func TestWhatASourceCannotBan(t *testing.T) {
	h := newHost(t)
	site := "http://{ADDR} {\ntocsin\nrespond ok\n}"
	h.list("wide.txt", "127.0.0.0/8", "8.0.0.0/8", "24.0.0.0/8", "25.0.0.0/8", banned)
	load := func(option string) {
		t.Helper()
		h.load(globals("blocklist {DIR}/wide.txt {\nprivate on\n"+option+"\n}\nsnapshot off") + site)
		h.waitStatus(banned, http.StatusForbidden)
	}
	load("coverage 1%")
	for ip, want := range map[string]int{"8.8.8.8": 403, "24.1.1.1": 200} {
		if a := h.get(ip, "/"); a.status != want {
			t.Errorf("%q: %d, want %d", ip, a.status, want)
		}
	}
	if s := runningEngine(t).status().Sources[0]; s.Held != 2 {
		t.Errorf("%+v", s)
	}
	load("coverage 5%")
	if a := h.get("24.1.1.1", "/"); a.status != http.StatusForbidden {
		t.Errorf("by word of the operator: %d", a.status)
	}
}

// A proxy with an address of its own is spared as long as Caddy trusts it, and its
// clients are not.
func TestATrustedProxyIsNotBanned(t *testing.T) {
	for _, row := range []struct {
		name, remote string
		trusted      bool
		ip           string
		want         bool
	}{
		{"the proxy itself", "192.0.2.50:1234", true, "192.0.2.50", true},
		{"the proxy, mapped into IPv6", "[::ffff:192.0.2.50]:1234", true, "192.0.2.50", true},
		{"a client behind it", "192.0.2.50:1234", true, "198.51.100.1", false},
		{"a proxy that nobody trusts", "192.0.2.50:1234", false, "192.0.2.50", false},
	} {
		ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: row.trusted})
		ctx = context.WithValue(ctx, caddyhttp.OriginalRequestCtxKey, http.Request{RemoteAddr: row.remote})
		if got := isTrustedProxy(ctx, netip.MustParseAddr(row.ip)); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

// A decision of a remote source about a trusted proxy is counted and not enforced. One of
// the operator's own file is enforced.
func TestDecisionsAboutATrustedProxyAreCounted(t *testing.T) {
	h := newHost(t)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	h.waitSynced("list:banned.txt")
	p := runningEngine(t)
	p.Table().Update("elsewhere", []lookup.Decision{{Prefix: prefix(t, "198.51.100.50"), Action: lookup.Ban}}, nil)
	for _, row := range []struct {
		name, ip string
		trusted  bool
		want     bool
	}{
		{"a trusted proxy that a remote source bans", "198.51.100.50", true, false},
		{"the same, not trusted", "198.51.100.50", false, true},
		{"a trusted proxy that the operator bans", banned, true, true},
	} {
		ctx := context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: row.trusted})
		ctx = context.WithValue(ctx, caddyhttp.OriginalRequestCtxKey, http.Request{RemoteAddr: row.ip + ":1"})
		if _, got := p.lookup(ctx, netip.MustParseAddr(row.ip)); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
	if s := p.status().Spared; s != (admin.Spared{Own: 0, Proxies: 1}) {
		t.Errorf("%+v", s)
	}
}

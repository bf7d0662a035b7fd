package caddymodule

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// A client writes another Host into each request. Guards must not take each for
// another site.
func TestSiteName(t *testing.T) {
	h := new(Handler)
	hosts := func(patterns ...string) caddyhttp.MatcherSets {
		m := caddyhttp.MatchHost(patterns)
		return caddyhttp.MatcherSets{{&m}}
	}
	path := caddyhttp.MatcherSets{{new(caddyhttp.MatchPath)}}
	with := func(sets caddyhttp.MatcherSets, handlers ...caddyhttp.MiddlewareHandler) caddyhttp.RouteList {
		return caddyhttp.RouteList{{MatcherSets: sets, Handlers: handlers}}
	}
	in := func(routes caddyhttp.RouteList) *caddyhttp.Subroute { return &caddyhttp.Subroute{Routes: routes} }
	named := with(hosts("A.example", "b.example", "*.c.example"), in(with(path, in(with(nil, h)))))
	for _, tt := range []struct {
		name      string
		routes    caddyhttp.RouteList
		host, sni string
		want      string
	}{
		{"a host of the config", named, "a.example", "", "a.example"},
		{"in capitals and with a port", named, "B.EXAMPLE:8443", "", "b.example"},
		{"one of many below a domain", named, "x1.c.example", "", "*.c.example"},
		{"another of them", named, "x2.c.example", "", "*.c.example"},
		{"a site for every host", with(nil, h), "x1.example", "", "*"},
		{"by another host", with(nil, h), "x2.example", "", "*"},
		{"by an address", with(nil, h), "[2001:db8::1]:80", "", "*"},
		{"by none", with(nil, h), "", "", "*"},
		{"over TLS, by a name that has a certificate", with(nil, h), "x2.example", "Shop.example", "shop.example"},
		{"in a block with a path only", with(path, in(with(nil, h))), "x1.example", "", "*"},
		{"of several matchers one without a host", with(append(hosts("a.example"), path...), h), "x1.example", "", "*"},
		{"the innermost host counts", with(hosts("*.example"), in(with(hosts("a.example"), h))), "a.example", "", "a.example"},
		{"a host by a placeholder", with(hosts("{env.HOST}"), h), "x1.example", "", "{env.host}"},
		{"a directive that is not found, as in a named route", nil, "x1.example", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{Host: tt.host}
			if tt.sni != "" {
				r.TLS = &tls.ConnectionState{ServerName: tt.sni}
			}
			if got := newSiteNamer(tt.routes, h).name(r); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

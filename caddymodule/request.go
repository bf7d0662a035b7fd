package caddymodule

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
)

// maxPlaceholder bounds a placeholder that others fill, in bytes.
const maxPlaceholder = 256

// clientIP is the [middleware.IPFunc] for Caddy, which has found the address
// already and knows what proxies to trust. It does not unmap IPv4 addresses, so
// the result is to be normalized, as a middleware does.
func clientIP(r *http.Request) netip.Addr {
	s, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}
	}
	return ip
}

// lookup asks the engine about the client of the request behind ctx. No remote source
// has a say about a proxy that is trusted: behind it are all clients. It is the client
// itself where it says of none.
func (p *pooled) lookup(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	d, found := p.Lookup(ctx, ip)
	if found && !p.ByOperator(d.Source) && isTrustedProxy(ctx, ip) {
		p.proxies.Add(1)
		return lookup.Decision{}, false
	}
	return d, found
}

// isTrustedProxy reports whether the request behind ctx comes from ip, and that is a
// proxy which Caddy trusts.
func isTrustedProxy(ctx context.Context, ip netip.Addr) bool {
	if trusted, _ := caddyhttp.GetVar(ctx, caddyhttp.TrustedProxyVarKey).(bool); !trusted {
		return false
	}
	r, ok := ctx.Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok {
		return false
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && lookup.Normalize(remote.Addr()) == ip
}

// setPlaceholders makes d known to what handles r from now on:
//
//	{http.tocsin.action}  ban, captcha or throttle
//	{http.tocsin.reason}  why, mostly a scenario's name
//	{http.tocsin.origin}  who decided, such as CAPI
//	{http.tocsin.source}  the source it came through, such as lapi
//	{http.tocsin.prefix}  the range that it is about, or the country, or the AS
//	{http.tocsin.until}   when it ends, as in RFC 3339; empty: never
//	{http.tocsin.ref}     the reference of a stopped request; else empty
//
// What has to do with a challenge has {http.tocsin.challenge} too.
func setPlaceholders(r *http.Request, d *lookup.Decision, ref string) {
	const name = appID + ".placeholders" // among the variables of a request
	now := placeholders{*d, ref}
	if p, ok := caddyhttp.GetVar(r.Context(), name).(*placeholders); ok {
		*p = now
		return
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		caddyhttp.SetVar(r.Context(), name, &now)
		repl.Map(now.value)
	}
}

// placeholders computes the values only when something asks for them. For most requests
// nothing does.
type placeholders struct {
	decision lookup.Decision
	ref      string
}

func (p *placeholders) value(key string) (any, bool) {
	name, ok := strings.CutPrefix(key, "http.tocsin.")
	if !ok {
		return nil, false
	}
	switch d := &p.decision; name {
	case "action":
		return d.Action.String(), true
	case "reason":
		return harmless(d.Reason), true
	case "origin":
		return harmless(d.Origin), true
	case "source":
		return d.Source, true
	case "prefix":
		return about(d), true
	case "until":
		if d.Until.IsZero() {
			return "", true
		}
		return d.Until.UTC().Round(time.Second).Format(time.RFC3339), true
	case "ref":
		return p.ref, true
	}
	return nil, false
}

// setChallenge sets {http.tocsin.challenge} to what has happened to r: "sent" if
// a challenge was, "answered" if r was the answer to one, or "passed" if it went
// on because one had been solved.
func setChallenge(r *http.Request, what string) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.tocsin.challenge", what)
	}
}

// setPassed makes known that r goes on because of a pass, against a decision.
func setPassed(r *http.Request, stop *middleware.Stop) {
	setPlaceholders(r, &stop.Decision, "")
	setChallenge(r, "passed")
}

// about returns what d is about: 192.0.2.0/24, FR or AS64496.
func about(d *lookup.Decision) string {
	if d.Prefix.IsValid() {
		return d.Prefix.String()
	}
	return admin.NewDecision(d).Target
}

// harmless returns s without what could do harm in a page or a header. Reasons
// and origins are free text from afar, and users put them into both.
func harmless(s string) string {
	if len(s) > maxPlaceholder {
		s = s[:maxPlaceholder]
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("<>&\"", c) || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, s)
}

// trustsLeftmost reports whether srv takes a client's address from the left end
// of X-Forwarded-For, which the client itself may have written. Caddy shows
// nowhere whether trusted_proxies is set, once it is loaded, so this looks for
// the field; should a later Caddy have no such field, there is no warning.
func trustsLeftmost(srv *caddyhttp.Server) bool {
	return srv != nil && srv.TrustedProxiesStrict == 0 && trustsProxies(srv)
}

// trustsProxyAt reports whether srv believes a proxy at ip what it says about clients.
// Caddy tells nobody whom it trusts, so this shows it a request from there.
func trustsProxyAt(srv *caddyhttp.Server, ip netip.Addr) bool {
	r := &http.Request{URL: new(url.URL), Header: http.Header{}, RemoteAddr: netip.AddrPortFrom(ip, 1).String()}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, srv)
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// trustsProxies reports whether srv believes any proxy what it says about clients.
func trustsProxies(srv *caddyhttp.Server) bool {
	if srv == nil {
		return false
	}
	f := reflect.ValueOf(srv).Elem().FieldByName("trustedProxies")
	return srv.TrustedProxiesUnix || f.Kind() == reflect.Interface && !f.IsNil()
}

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

// maxPlaceholder is the largest length of a placeholder with text from others, in bytes.
const maxPlaceholder = 256

// lookup looks up the client of the request with ctx. Decisions of remote sources about a
// trusted proxy are ignored, because all clients are behind it. If the proxy names no
// client, it is the client itself.
func (p *pooled) lookup(ctx context.Context, ip netip.Addr) (lookup.Decision, bool) {
	d, found := p.Lookup(ctx, ip)
	if found && !p.ByOperator(d.Source) && isTrustedProxy(ctx, ip) {
		p.proxies.Add(1)
		return lookup.Decision{}, false
	}
	return d, found
}

// isTrustedProxy reports whether the request with ctx comes from ip, and Caddy trusts ip as
// a proxy.
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

// setPlaceholders sets placeholders for all later handlers of r:
//
//	{http.tocsin.action}  ban, captcha or throttle
//	{http.tocsin.reason}  why, mostly a scenario's name
//	{http.tocsin.origin}  who decided, such as CAPI
//	{http.tocsin.source}  the source it came through, such as lapi
//	{http.tocsin.prefix}  the range that it is about, or the country, or the AS
//	{http.tocsin.until}   when it ends, as in RFC 3339; empty: never
//	{http.tocsin.ref}     the reference of a stopped request; else empty
//	{http.tocsin.explain} the address of a page that explains the decision of a community; else empty
//
// Requests that involve a challenge have {http.tocsin.challenge} too.
func (p *pooled) setPlaceholders(r *http.Request, client netip.Addr, d *lookup.Decision, ref string) {
	const name = appID + ".placeholders" // the name of the request variable
	now := placeholders{*d, ref, client, p}
	if before, ok := caddyhttp.GetVar(r.Context(), name).(*placeholders); ok {
		*before = now
		return
	}
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		caddyhttp.SetVar(r.Context(), name, &now)
		repl.Map(now.value)
	}
}

// placeholders computes the values only when a handler uses them. Most requests never need
// them.
type placeholders struct {
	decision lookup.Decision
	ref      string
	client   netip.Addr
	engine   *pooled
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
	case "explain":
		_, link := p.engine.explain(d, p.client)
		return link, true
	}
	return nil, false
}

// setChallenge sets {http.tocsin.challenge}: "sent" if r was answered with a challenge,
// "answered" if r was the answer to one, or "passed" if r continued because the client had
// solved one.
func setChallenge(r *http.Request, what string) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Set("http.tocsin.challenge", what)
	}
}

// setPassed records that r continues because of a pass, despite a decision.
func (p *pooled) setPassed(r *http.Request, stop *middleware.Stop) {
	p.setPlaceholders(r, stop.Client, &stop.Decision, "")
	setChallenge(r, "passed")
}

// about returns the subject of d: 192.0.2.0/24, FR or AS64496.
func about(d *lookup.Decision) string {
	if d.Prefix.IsValid() {
		return d.Prefix.String()
	}
	return admin.NewDecision(d).Target
}

// harmless returns s without characters that could do harm in a page or a header. Reasons
// and origins are free text from other servers, and operators put them into both.
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

// trustsLeftmost reports whether srv takes a client's address from the left end of
// X-Forwarded-For, which the client itself can write. After loading, Caddy does not expose
// whether trusted_proxies is set, so this code looks for the field by its name. If a later
// Caddy has no such field, there is no warning.
func trustsLeftmost(srv *caddyhttp.Server) bool {
	return srv != nil && srv.TrustedProxiesStrict == 0 && trustsProxies(srv)
}

// trustsProxyAt reports whether srv trusts a proxy at ip. Caddy does not expose the trusted
// proxies, so this tests a request from ip.
func trustsProxyAt(srv *caddyhttp.Server, ip netip.Addr) bool {
	r := &http.Request{URL: new(url.URL), Header: http.Header{}, RemoteAddr: netip.AddrPortFrom(ip, 1).String()}
	r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, srv)
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// trustsProxies reports whether srv trusts any proxy.
func trustsProxies(srv *caddyhttp.Server) bool {
	if srv == nil {
		return false
	}
	f := reflect.ValueOf(srv).Elem().FieldByName("trustedProxies")
	return srv.TrustedProxiesUnix || f.Kind() == reflect.Interface && !f.IsNil()
}

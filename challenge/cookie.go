package challenge

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTried limits how many passes of a request are verified, because each costs a
// signature. A thousand fill 64 KB of cookies, and are about five times what browsers
// keep for a domain. Tokens that are not live passes cost almost nothing and do not
// count. Cookies that other hosts of the domain set under the same name may come before
// ours, so a smaller limit would let them hide the pass. A thousand forged ones take
// half a millisecond: see BenchmarkJudge.
const maxTried = 1000

// The names of the gate's cookies. Each address family has its own, because a client
// with IPv4 and IPv6 would otherwise lose its pass with each change. The prefix __Host-
// stops other hosts of the domain and plain HTTP from setting them. __Secure-, for
// hosts that share passes, stops only plain HTTP.
const (
	cookie4, cookie6             = "tocsin4", "tocsin6"
	secureCookie4, secureCookie6 = "__Host-tocsin4", "__Host-tocsin6"
	sharedCookie4, sharedCookie6 = "__Secure-tocsin4", "__Secure-tocsin6"

	cookieWord = "tocsin" // part of each name
)

// returning is how long a cookie is kept after its pass has ended. A visitor who comes
// back with it gets a challenge that is no harder than the first.
const returning = 24 * time.Hour

// cookieName returns the name of the cookie with the pass of a network.
func (g *Gate) cookieName(r *http.Request, from network) string {
	four, six := cookie4, cookie6
	switch {
	case !g.https(r):
	case g.hosts.has(hostOf(r)):
		four, six = sharedCookie4, sharedCookie6
	default:
		four, six = secureCookie4, secureCookie6
	}
	if from[0] == 6 {
		return six
	}
	return four
}

// setPass sets a cookie with a pass.
func (g *Gate) setPass(w http.ResponseWriter, r *http.Request, from network, t token) {
	c := &http.Cookie{ //nolint:gosec // Secure is impossible over plain HTTP; SameSite is always set
		Name:     g.cookieName(r, from),
		Value:    t.String(),
		Path:     "/",
		MaxAge:   int((t.ttl() + returning) / time.Second),
		HttpOnly: true,
		Secure:   g.https(r),
		SameSite: http.SameSiteLaxMode,
	}
	if g.hosts.has(hostOf(r)) {
		c.Domain = g.hosts.domain
	}
	if c.Secure {
		// SameSite=None is safe, because a pass identifies no account. Without it, the
		// POST with which a bank or an identity provider sends a browser back would be
		// challenged.
		c.SameSite = http.SameSiteNoneMode
		// A browser that partitions the cookies of frames accepts only such cookies
		// there.
		c.Partitioned = g.framed
	}
	http.SetCookie(w, c)
}

// passes yields the passes in r's cookies that are valid at now, or were until lately.
// Their tags are not verified yet.
func (g *Gate) passes(r *http.Request, from network, now time.Time) iter.Seq[token] {
	return func(yield func(token) bool) {
		name, tried := g.cookieName(r, from), 0
		for value := range cookies(r.Header["Cookie"], name) {
			t, ok := parseToken(value)
			if !ok || t.kind() != pass || t.issued().After(now.Add(maxSkew)) || now.After(t.expires().Add(returning)) {
				continue
			}
			if tried++; tried > maxTried || !yield(t) {
				return
			}
		}
	}
}

// cookies yields the values of the cookies called name in the Cookie lines of a
// header.
func cookies(lines []string, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for part := range strings.SplitSeq(line, ";") {
				have, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				if have == name && !yield(value) {
					return
				}
			}
		}
	}
}

// Strip returns r without the gate's own cookies: r itself if it has none, else a
// shallow copy with its own header, because others may still use r's header. Other
// cookies stay unchanged.
func (g *Gate) Strip(r *http.Request) *http.Request {
	lines := r.Header["Cookie"]
	if !slices.ContainsFunc(lines, hasOurs) {
		return r
	}
	var kept []string
	for _, line := range lines {
		if line = withoutOurs(line); line != "" {
			kept = append(kept, line)
		}
	}
	stripped := r.WithContext(r.Context())
	stripped.Header = maps.Clone(r.Header)
	if kept == nil {
		delete(stripped.Header, "Cookie")
	} else {
		stripped.Header["Cookie"] = kept
	}
	return stripped
}

func hasOurs(line string) bool {
	// Fast path: nearly all requests have none.
	if !strings.Contains(line, cookieWord) {
		return false
	}
	for part := range strings.SplitSeq(line, ";") {
		if ours(part) {
			return true
		}
	}
	return false
}

// IsPass reports whether a Set-Cookie line of a response is a gate's, and not the
// site's.
func IsPass(line string) bool { return ours(line) }

// ours reports whether part of a Cookie line is a gate's cookie, of any address family
// and scheme.
func ours(part string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
	switch name {
	case cookie4, cookie6, secureCookie4, secureCookie6, sharedCookie4, sharedCookie6:
		return true
	}
	return false
}

// withoutOurs returns a Cookie line without the gate's cookies. The rest keeps its
// spaces, except those after a removed cookie at the beginning.
func withoutOurs(line string) string {
	if !hasOurs(line) {
		return line
	}
	parts := strings.Split(line, ";")
	first := ours(parts[0])
	line = strings.Join(slices.DeleteFunc(parts, ours), ";")
	if first {
		line = strings.TrimLeft(line, " \t")
	}
	return line
}

package challenge

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTried is how many tokens are tried, since each costs a signature: those of 64 KB
// of cookies, and some five times what browsers keep for a domain. What is no live pass
// costs next to nothing and does not count. Of cookies with one name, those that other
// hosts of the domain have set may come before ours, so fewer would let these hide it.
// A thousand forged ones take as long as some 800 signatures, half a millisecond:
// BenchmarkJudge.
const maxTried = 1000

// The names of our cookies. There is one for each family of addresses, since a
// client that has both would lose its pass with each change otherwise. The prefix
// keeps other hosts of the domain, and plain HTTP, from setting them; where hosts
// share passes, only plain HTTP.
const (
	cookie4, cookie6             = "tocsin4", "tocsin6"
	secureCookie4, secureCookie6 = "__Host-tocsin4", "__Host-tocsin6"
	sharedCookie4, sharedCookie6 = "__Secure-tocsin4", "__Secure-tocsin6"

	cookieWord = "tocsin" // in all of them
)

// returning is how long a cookie outlives its pass: who comes back with it gets a
// challenge that is no harder than the first.
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
	c := &http.Cookie{ //nolint:gosec // over plain HTTP there is no Secure, and SameSite is set in any case
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
		// A pass lets nobody do anything in somebody's name. Without it the POST that
		// a bank or an identity provider sends a browser back with would be challenged.
		c.SameSite = http.SameSiteNoneMode
		// A browser that keeps the cookies of frames apart by the page around them
		// takes no others there.
		c.Partitioned = g.framed
	}
	http.SetCookie(w, c)
}

// passes yields the tokens in r's cookies that are passes, for whomever, and that live
// at now or did so lately. Nobody has vouched for them.
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
// shallow copy with a header of its own, since others may hold the one of r. Other
// cookies stay as they are, byte for byte.
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
	// Nearly all requests have none, and every one is looked through.
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

// IsPass reports whether a Set-Cookie line of an answer is one of a gate's own, and
// none of the site's.
func IsPass(line string) bool { return ours(line) }

// ours reports whether part of a Cookie line is a cookie of a gate, of whatever
// family and scheme.
func ours(part string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
	switch name {
	case cookie4, cookie6, secureCookie4, secureCookie6, sharedCookie4, sharedCookie6:
		return true
	}
	return false
}

// withoutOurs returns a Cookie line without our cookies. What is left keeps its
// spaces, but for those that stood behind one of ours at the beginning.
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

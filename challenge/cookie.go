package challenge

import (
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTried is how many cookies of one name are tried: those of a parent domain can
// have the same, and each costs a signature.
const maxTried = 4

// The names of our cookies. There is one for each family of addresses, since a
// client that has both would lose its pass with each change otherwise. The prefix
// keeps other hosts of the domain, and plain HTTP, from setting them.
const (
	cookie4, cookie6             = "tocsin4", "tocsin6"
	secureCookie4, secureCookie6 = "__Host-tocsin4", "__Host-tocsin6"

	cookieWord = "tocsin" // in all of them
)

// cookieName returns the name of the cookie with the pass of a network. Behind a
// proxy that ends TLS, r looks like plain HTTP, and so does the cookie: it carries
// no authority that this would give away.
func cookieName(r *http.Request, from network) string {
	six := from[0] == 6
	switch {
	case r.TLS != nil && six:
		return secureCookie6
	case r.TLS != nil:
		return secureCookie4
	case six:
		return cookie6
	default:
		return cookie4
	}
}

// grant sets a cookie with a pass.
func (g *Gate) grant(w http.ResponseWriter, r *http.Request, v Visitor, level Level) {
	from := networkOf(v.Addr)
	b := bindingOf(r, from)
	k := &g.keys.all()[0]
	t := k.seal(statement{kind: pass, level: level, now: time.Now(), ttl: g.ttl}, &b)
	c := &http.Cookie{ //nolint:gosec // over plain HTTP there is no Secure, and SameSite is set in any case
		Name:     cookieName(r, from),
		Value:    t.String(),
		Path:     "/",
		MaxAge:   int(t.ttl() / time.Second),
		HttpOnly: true,
		Secure:   r.TLS != nil,
		SameSite: http.SameSiteLaxMode,
	}
	if c.Secure {
		// A pass lets nobody do anything in somebody's name. Without it the POST that
		// a bank or an identity provider sends a browser back with would be challenged.
		c.SameSite = http.SameSiteNoneMode
	}
	http.SetCookie(w, c)
}

// cookies yields the values of the first cookies called name in the Cookie lines of
// a header.
func cookies(lines []string, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		tried := 0
		for _, line := range lines {
			for part := range strings.SplitSeq(line, ";") {
				have, value, _ := strings.Cut(strings.TrimSpace(part), "=")
				if have != name {
					continue
				}
				if tried++; tried > maxTried || !yield(value) {
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

// ours reports whether part of a Cookie line is a cookie of a gate, of whatever
// family and scheme.
func ours(part string) bool {
	name, _, _ := strings.Cut(strings.TrimSpace(part), "=")
	switch name {
	case cookie4, cookie6, secureCookie4, secureCookie6:
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

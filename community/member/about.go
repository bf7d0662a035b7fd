package member

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"
)

const (
	maxName    = 64  // characters of a community's name
	maxExplain = 512 // bytes of the address of its page
	hole       = "{address}"
)

// about is a community's description of itself. Visitors see it, so it is checked.
type about struct {
	name    string
	explain string // the address of the page about an address, with {address} in it; empty: none
}

// link returns the address of the page about ip.
func (a about) link(ip netip.Addr) string {
	if a.explain == "" || !ip.IsValid() {
		return ""
	}
	return strings.ReplaceAll(a.explain, hole, url.QueryEscape(ip.WithZone("").String()))
}

// learn notes the centre's description of itself. Missing fields keep their value.
func (c *Client) learn(name, explain string) {
	name, explain = cleanName(name), c.cleanExplain(explain)
	c.mu.Lock()
	defer c.mu.Unlock()
	if name != "" {
		c.about.name = name
	}
	c.about.explain = explain
}

// cleanName returns a printable name, or "".
func cleanName(s string) string { return clean(s, maxName) }

// clean returns s without invisible characters, up to a number of characters.
func clean(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(s) {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			continue
		}
		if n++; n > most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// cleanExplain returns the address of a page, or "" unless it is on the community's own host
// with https. If the community is on this machine, as in a test, any host is allowed.
func (c *Client) cleanExplain(s string) string {
	if len(s) > maxExplain || !strings.Contains(s, hole) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	u, err := url.Parse(strings.ReplaceAll(s, hole, "192.0.2.1"))
	own, _ := url.Parse(c.base) // valid: see newLink
	switch {
	case err != nil || u.User != nil || u.Opaque != "" || u.Hostname() == "":
		return ""
	case u.Scheme == own.Scheme && u.Host == own.Host:
		return s
	case u.Scheme == "https" && isHere(own.Hostname()):
		return s
	}
	return ""
}

package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// maxEntry is the longest entry of a header that can be an address: IPv6
	// with brackets, zone, port, quotes and some space.
	maxEntry = 128

	// maxHops is how many trusted proxies ForwardedFor walks past. Real chains
	// are short; a header of a megabyte is not.
	maxHops = 64
)

// An IPFunc finds the address of the client that sent r. It returns the zero
// Addr if it cannot tell.
//
// Those of this package return addresses as [lookup.Normalize] does: IPv4
// rather than IPv4 mapped into IPv6, and without a zone.
type IPFunc func(r *http.Request) netip.Addr

// RemoteAddr is the [IPFunc] for servers that face their clients: the address
// of the connection. No header has a say. Connections through a Unix socket
// have no address.
func RemoteAddr(r *http.Request) netip.Addr {
	return parseHost(r.RemoteAddr)
}

// Header returns the [IPFunc] for servers behind a proxy that sets the header
// called name to the client's address and overwrites what the client sent in
// it, such as X-Real-IP or CF-Connecting-IP. Of several lines, and of several
// values in a line, the last counts. If that is no address, or there is none,
// the client is unknown.
//
// It is for servers that only the proxy can reach: whoever else can, chooses
// the address.
func Header(name string) IPFunc {
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) netip.Addr {
		lines := r.Header[name]
		if len(lines) == 0 {
			return netip.Addr{}
		}
		entry, _, _ := cutLast(lines[len(lines)-1])
		return parseEntry(entry)
	}
}

// ForwardedFor returns the [IPFunc] for servers behind proxies with addresses
// in trusted, each of which appends the address that connected to it to
// X-Forwarded-For. A range that is invalid trusts nobody.
//
// The connection comes first: if it is not from a trusted proxy, its address is
// the client's and the header is ignored. Otherwise the client is the rightmost
// address in X-Forwarded-For, all lines of it taken together, that is not
// trusted: a client can forge all entries left of it. If all are trusted, the request
// is the proxies' own and the connection's address stands. An entry that is no
// address ends the search without result, and so do more than 64 trusted ones.
//
// An entry may have a port, an IPv6 address brackets, and all of it quotes.
func ForwardedFor(trusted ...netip.Prefix) IPFunc {
	var valid []netip.Prefix
	for _, p := range trusted {
		if n, ok := lookup.NormalizePrefix(p); ok {
			valid = append(valid, n)
		}
	}
	proxies := newRanges(valid)
	return func(r *http.Request) netip.Addr {
		peer := RemoteAddr(r)
		if !peer.IsValid() || !proxies.contain(peer) {
			return peer
		}
		return walkForwarded(r.Header["X-Forwarded-For"], proxies, peer)
	}
}

// walkForwarded returns the rightmost address in lines that is not of proxies,
// or peer if there is none.
func walkForwarded(lines []string, proxies ranges, peer netip.Addr) netip.Addr {
	hops := 0
	for _, line := range slices.Backward(lines) {
		for rest, more := line, true; more; hops++ {
			if hops == maxHops {
				return netip.Addr{}
			}
			var entry string
			entry, rest, more = cutLast(rest)
			ip := parseEntry(entry)
			// No address, or the first that no trusted proxy vouches for: in
			// both cases nothing further left can be believed.
			if !ip.IsValid() || !proxies.contain(ip) {
				return ip
			}
		}
	}
	return peer
}

// cutLast returns the last entry of a comma-separated list, what stands before
// it, and whether there is such. It looks no further than an address can reach;
// the entry is then too long to be one.
func cutLast(list string) (entry, rest string, more bool) {
	from := max(0, len(list)-maxEntry-1)
	if i := strings.LastIndexByte(list[from:], ','); i >= 0 {
		return list[from+i+1:], list[:from+i], true
	}
	return list, "", false
}

// parseEntry reads an address as proxies write it into a header: as parseHost
// does, perhaps in quotes. It returns the zero Addr for anything else.
func parseEntry(s string) netip.Addr {
	if len(s) > maxEntry {
		return netip.Addr{}
	}
	s = strings.Trim(s, " \t")
	if n := len(s); n >= 2 && s[0] == '"' && s[n-1] == '"' {
		s = s[1 : n-1]
	}
	return parseHost(s)
}

// parseHost reads an address as servers write it: bare or with a port, IPv6
// with or without brackets. It returns the zero Addr for anything else.
func parseHost(s string) netip.Addr {
	host, v6, ok := cutPort(s)
	if !ok {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || v6 && !ip.Is6() {
		return netip.Addr{}
	}
	return lookup.Normalize(ip)
}

// cutPort returns s without a port and brackets, and whether it had brackets,
// which are for IPv6 alone. It fails if what stands around the host is not well
// formed.
func cutPort(s string) (host string, brackets, ok bool) {
	if s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", true, false
		}
		port := s[end+1:]
		return s[1:end], true, port == "" || port[0] == ':' && isPort(port[1:])
	}
	// A single colon is one before a port; more are IPv6.
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 || strings.IndexByte(s[:colon], ':') >= 0 {
		return s, false, true
	}
	return s[:colon], false, isPort(s[colon+1:])
}

func isPort(s string) bool {
	if s == "" || len(s) > 5 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

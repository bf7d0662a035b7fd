package middleware

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

const (
	// maxEntry is the longest entry of a header that is parsed as an address: enough
	// for IPv6 with brackets, zone, port, quotes and spaces.
	maxEntry = 128

	// maxHops is how many trusted proxies ForwardedFor accepts in a header. Real chains
	// are short, but a client can send a very long header.
	maxHops = 64
)

// An IPFunc returns the address of the client that sent r, or the zero Addr if it is
// unknown.
//
// Those of this package return addresses as [lookup.Normalize] does: IPv4
// rather than IPv4 mapped into IPv6, and without a zone.
type IPFunc func(r *http.Request) netip.Addr

// RemoteAddr is the [IPFunc] for servers that clients reach directly: it returns the
// address of the connection and ignores all headers. Connections through a Unix socket
// have no address.
func RemoteAddr(r *http.Request) netip.Addr {
	return parseHost(r.RemoteAddr)
}

// Header returns the [IPFunc] for servers behind a proxy that sets the header called
// name to the client's address and overwrites what the client sent in it, such as
// X-Real-IP or CF-Connecting-IP. Of several lines or values, the last counts. If it is
// missing or not an address, the client is unknown.
//
// Only the proxy must be able to reach the server: any other client could choose its
// address.
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

// ForwardedFor returns the [IPFunc] for servers behind proxies with addresses in
// trusted, each of which appends the address that connected to it to X-Forwarded-For.
// An invalid range trusts no proxy.
//
// If the connection is not from a trusted proxy, its address is the client's and the
// header is ignored. Otherwise the client is the rightmost address in X-Forwarded-For
// (in all its lines together) that is not trusted: a client can forge all entries left
// of it. If all are trusted, a proxy itself sent the request, and the address of the
// connection counts. If an entry is not an address, or there are more than 64 trusted
// ones, the client is unknown.
//
// An entry may have a port, brackets around IPv6, and quotes.
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

// walkForwarded returns the rightmost address in lines that is not in proxies, or peer
// if there is none.
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
			// An invalid entry, or the first untrusted address: everything left of it
			// may be forged.
			if !ip.IsValid() || !proxies.contain(ip) {
				return ip
			}
		}
	}
	return peer
}

// cutLast returns the last entry of a comma-separated list, the rest before it, and
// whether there is a rest. It searches only as far as an address can be long: a longer
// entry is not an address.
func cutLast(list string) (entry, rest string, more bool) {
	from := max(0, len(list)-maxEntry-1)
	if i := strings.LastIndexByte(list[from:], ','); i >= 0 {
		return list[from+i+1:], list[:from+i], true
	}
	return list, "", false
}

// parseEntry parses an address as proxies write it into a header: as for parseHost,
// also in quotes. It returns the zero Addr for anything else.
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

// parseHost parses an address as servers write it: with or without a port, IPv6 with or
// without brackets. It returns the zero Addr for anything else.
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

// cutPort returns s without port and brackets, and whether it had brackets, which are
// allowed for IPv6 only. It fails if the port or the brackets are malformed.
func cutPort(s string) (host string, brackets, ok bool) {
	if s != "" && s[0] == '[' {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", true, false
		}
		port := s[end+1:]
		return s[1:end], true, port == "" || port[0] == ':' && isPort(port[1:])
	}
	// A single colon comes before a port. More than one means IPv6.
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

package challenge

import (
	"net/http"
	"net/netip"
	"strings"
)

// A binding is whom a token is for. It is signed and not sent.
type binding struct {
	host    string
	network network
	agent   string
}

func bindingOf(r *http.Request, from network) binding {
	return binding{hostOf(r), from, r.UserAgent()}
}

// hostOf returns the host that r asks for, in lower case and without a port: all
// that a cookie knows about it.
func hostOf(r *http.Request) string {
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(host)
}

// A network is what counts as one client: an IPv4 address, or the /64 of an IPv6
// address, within which a client can choose. It has the family in its first byte.
// The zero network is that of no address.
type network [9]byte

func networkOf(addr netip.Addr) (n network) {
	addr = addr.Unmap()
	switch {
	case addr.Is4():
		n[0] = 4
		quad := addr.As4()
		copy(n[1:], quad[:])
	case addr.Is6():
		n[0] = 6
		all := addr.As16()
		copy(n[1:], all[:])
	}
	return n
}

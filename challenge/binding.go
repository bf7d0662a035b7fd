package challenge

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/http"
	"net/netip"
	"strings"
)

// A binding identifies the client that a token is for: the token's tag covers it, but
// it is not sent. Only one goroutine may use it.
type binding struct {
	host    string // or the common name of the hosts that share passes
	network network
	agent   string

	// A request may have many tokens: what their tags have in common is computed once.
	hashed bool
	digest [sha256.Size]byte
	signer *key      // that mac belongs to
	mac    hash.Hash // nil before the first use
	head   [headerSize]byte
	sum    [sha256.Size]byte
}

// whole returns a hash of all parts of b. A length comes before each part, so two
// different bindings never give the same bytes.
func (b *binding) whole() []byte {
	if !b.hashed {
		message := appendPart(make([]byte, 0, 512), b.host)
		message = appendPart(message, string(b.network[:]))
		b.digest, b.hashed = sha256.Sum256(appendPart(message, b.agent)), true
	}
	return b.digest[:]
}

// macOf returns an HMAC with the key k, ready for a new message.
func (b *binding) macOf(k *key) hash.Hash {
	if b.signer != k {
		b.signer, b.mac = k, hmac.New(sha256.New, k.token)
	}
	b.mac.Reset()
	return b.mac
}

func (g *Gate) bindingOf(r *http.Request, from network) binding {
	host := hostOf(r)
	if g.hosts.has(host) {
		host = g.hosts.name
	}
	return binding{host: host, network: from, agent: r.UserAgent()}
}

// solverOf identifies the sender of r without a pass: by its address, and by its user
// agent and languages. An attacker who wants to count as a visitor's browser must guess
// its languages too.
func (b *binding) solverOf(r *http.Request) solver {
	message := appendPart(make([]byte, 0, 512), b.host)
	message = appendPart(message, string(b.network[:]))
	all := len(message)
	message = appendPart(message, b.agent)
	message = appendPart(message, r.Header.Get("Accept-Language"))
	sum := sha256.Sum256(message)
	var s solver
	copy(s.browser[:], sum[:])
	sum = sha256.Sum256(message[:all])
	copy(s.network[:], sum[:])
	s.area = b.network.area()
	return s
}

// hostOf returns the host of r in lower case and without a port, because a cookie does
// not depend on the port.
func hostOf(r *http.Request) string {
	host := r.Host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(host)
}

// A network counts as one client: an IPv4 address, or a /64 of IPv6, in which a client
// can choose its address. The first byte is the family. The zero network stands for an
// invalid address.
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

// An area has the addresses that one owner may have: a /16, or a /32 of IPv6.
type area [5]byte

func (n network) area() (a area) {
	bytes := 3 // the family, and 16 bits
	if n[0] == 6 {
		bytes = 5
	}
	copy(a[:], n[:bytes])
	return a
}

// appendPart appends the length of part, and its first 1024 bytes: a client must not
// make the server hash a megabyte.
func appendPart[T string | []byte](to []byte, part T) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(part)))
	return append(to, part[:min(len(part), 1024)]...)
}

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

// A binding is whom a token is for. It is signed and not sent. It is for one goroutine.
type binding struct {
	host    string // or what stands for the hosts that share passes
	network network
	agent   string

	// A request may bring many tokens: what their tags have in common is made once.
	hashed bool
	digest [sha256.Size]byte
	signer *key      // whose mac is
	mac    hash.Hash // nil: of nobody
	head   [headerSize]byte
	sum    [sha256.Size]byte
}

// whole returns a hash of all parts of b. Every part comes behind its length: no two
// different lists of them are the same bytes.
func (b *binding) whole() []byte {
	if !b.hashed {
		message := appendPart(make([]byte, 0, 512), b.host)
		message = appendPart(message, string(b.network[:]))
		b.digest, b.hashed = sha256.Sum256(appendPart(message, b.agent)), true
	}
	return b.digest[:]
}

// macOf returns what signs with k.
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

// solverOf returns who sent r, as far as that can be told without a pass. Browsers of
// one kind send the same languages, mostly, and who would be taken for one of them on
// purpose has to guess these.
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
	return s
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

// appendPart appends part behind its length. What stands behind the first 1024
// bytes does not count, so that nobody has us hash a megabyte.
func appendPart[T string | []byte](to []byte, part T) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(part)))
	return append(to, part[:min(len(part), 1024)]...)
}

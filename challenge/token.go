package challenge

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// A kind is the purpose of a token. A token is only valid for its own kind.
type kind byte

const (
	pass     kind = iota + 1 // the proof in a cookie
	embedded                 // a challenge solved by work
	boxed                    // the same in ALTCHA's widget, which is slower
	hosted                   // a challenge of a provider
	waiting                  // a challenge solved by waiting
	kinds                    // the number of kinds, including 0
)

// A token is a signed statement that a client keeps: the time, the time to live, the
// level, and a tag that needs a key. The client's identity is only in the tag. In
// bytes:
//
//	0     version
//	1     key id
//	2     kind
//	3     level
//	4-9   issued, in Unix milliseconds: a pass is compared with a decision
//	10-12 time to live from the last renewal on, in seconds
//	13-15 when it was last renewed, in seconds after it was issued
//	16-23 random; of a pass, as in the challenge that it was earned with
//	24-39 tag
//
// A renewed pass keeps its time of issue, so that a decision newer than the proof still
// voids it.
type token [40]byte

const (
	version    = 3
	nonceAt    = 16
	headerSize = 24
	tokenChars = 54
)

// Strict: each token has only one valid text.
var encoding = base64.RawURLEncoding.Strict()

// parseToken reads a token. It does not verify the tag.
func parseToken(s string) (t token, ok bool) {
	// The length is checked first, because the decoder skips line breaks.
	if len(s) != tokenChars {
		return t, false
	}
	var text [tokenChars]byte
	copy(text[:], s)
	n, err := encoding.Decode(t[:], text[:])
	return t, err == nil && n == len(t) && t[0] == version
}

func (t token) String() string { return encoding.EncodeToString(t[:]) }
func (t token) kind() kind     { return kind(t[2]) }
func (t token) level() Level   { return Level(t[3]) }

func (t token) issued() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint16(t[4:]))<<32 | int64(binary.BigEndian.Uint32(t[6:])))
}

func (t token) ttl() time.Duration {
	return time.Duration(uint32(t[10])<<16|uint32(t[11])<<8|uint32(t[12])) * time.Second
}

// renewed returns when t was signed last.
func (t token) renewed() time.Time {
	return t.issued().Add(time.Duration(uint32(t[13])<<16|uint32(t[14])<<8|uint32(t[15])) * time.Second)
}

func (t token) expires() time.Time { return t.renewed().Add(t.ttl()) }

// waitEnds returns the end of the wait of t, a token of kind waiting.
func (t token) waitEnds() time.Time { return t.expires().Add(-challengeTTL) }

func (t token) nonce() nonce { return nonce(t[nonceAt:headerSize]) }

// A nonce identifies a challenge and the pass that it earns.
type nonce [headerSize - nonceAt]byte

// live reports whether t is valid at now: already, and still. The clocks of a site's
// servers may differ by maxSkew.
func (t token) live(now time.Time) bool {
	return now.Before(t.expires()) && !t.issued().After(now.Add(maxSkew))
}

const maxSkew = 30 * time.Second

// A statement is the content of a new token.
type statement struct {
	kind  kind
	level Level
	now   time.Time
	ttl   time.Duration
	nonce nonce // zero: a random one
}

// seal makes a token for the client in b.
func (k *key) seal(s statement, b *binding) token {
	t := token{0: version, 1: k.id, 2: byte(s.kind), 3: byte(s.level)}
	ms := uint64(s.now.UnixMilli())
	binary.BigEndian.PutUint16(t[4:], uint16(ms>>32))
	binary.BigEndian.PutUint32(t[6:], uint32(ms))
	putSeconds(t[10:], s.ttl)
	if copy(t[nonceAt:], s.nonce[:]); s.nonce == (nonce{}) {
		rand.Read(t[nonceAt:headerSize]) // never fails
	}
	return k.sign(t, b)
}

// renew returns the pass t with a new time to live, which starts now.
func (k *key) renew(t token, b *binding, now time.Time, ttl time.Duration) token {
	t[1] = k.id
	putSeconds(t[10:], ttl)
	putSeconds(t[13:], now.Sub(t.issued()))
	return k.sign(t, b)
}

func (k *key) sign(t token, b *binding) token {
	copy(t[headerSize:], k.tag(&t, b))
	return t
}

func putSeconds(to []byte, d time.Duration) {
	seconds := uint32(min(max(d, 0)/time.Second, 1<<24-1))
	to[0], to[1], to[2] = byte(seconds>>16), byte(seconds>>8), byte(seconds)
}

// open returns the key that signed t for the client in b, or nil if none did.
func (k *Keyring) open(t token, b *binding) *key {
	keys := k.all()
	for i := range keys {
		if keys[i].id == t[1] && hmac.Equal(t[headerSize:], keys[i].tag(&t, b)) {
			return &keys[i]
		}
	}
	return nil
}

// tag signs the header of t for the client in b. The returned tag is valid until the
// next call with b.
func (k *key) tag(t *token, b *binding) []byte {
	mac := b.macOf(k)
	copy(b.head[:], t[:headerSize]) // so that t stays on the stack
	mac.Write(b.head[:])
	mac.Write(b.whole())
	return mac.Sum(b.sum[:0])[:len(token{})-headerSize]
}

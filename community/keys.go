package community

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"

	"github.com/tocsin-project/tocsin/consensus"
)

// Labels of keys that are derived from the secret.
const (
	labelMember  = "member"
	labelUnit    = "unit"
	labelTie     = "tie"
	labelReader  = "reader"
	labelReceipt = "receipt"
	labelTicket  = "ticket"
	labelAudit   = "audit"
	labelAsked   = "questions"
	labelPair    = "overlaps"
	labelProof   = "proof"
)

// hash returns the keyed hash of a text, for one purpose.
func (c *Centre) hash(label, text string) []byte {
	mac := hmac.New(sha256.New, c.derived[label])
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// derive makes the keys for all purposes.
func (c *Centre) derive() {
	c.derived = map[string][]byte{}
	for _, label := range []string{labelMember, labelUnit, labelTie, labelReader, labelReceipt, labelTicket, labelAudit, labelAsked, labelPair, labelProof} {
		c.derived[label] = c.Derive(label)
	}
}

// memberID returns the id of an account in the store.
func (c *Centre) memberID(login string) consensus.MemberID {
	return consensus.MemberID(binary.BigEndian.Uint64(c.hash(labelMember, login)))
}

// proofOf returns a hash of what an account logs in with, so that a token ends with its key.
func (c *Centre) proofOf(a *Account) string {
	return hex.EncodeToString(c.hash(labelProof, hex.EncodeToString(a.Key)+" "+hex.EncodeToString(a.Secret))[:16])
}

// showID returns an id in the form of the audit log.
func showID(id consensus.MemberID) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id)))
}

// unitHash returns the hash that the store keeps of an erased unit.
func (c *Centre) unitHash(unit consensus.Unit) []byte { return c.hash(labelUnit, unit.String()) }

// newKey returns a random key of 256 bits, and its hash for the store.
func newKey() (key string, hash []byte) {
	var b [32]byte
	rand.Read(b[:])
	key = base64.RawURLEncoding.EncodeToString(b[:])
	return key, hashKey(key)
}

// hashKey returns the hash that the store keeps of a key. A fast hash is enough, because the
// key is long and random.
func hashKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

// ticketFor returns the ticket for a value that only one case has. Nobody can guess it from the
// value. Without a value it is random.
func (c *Centre) ticketFor(once string) string {
	if once == "" {
		return newTicket()
	}
	return base32.StdEncoding.EncodeToString(c.hash(labelTicket, once))[:26]
}

// newTicket returns a random text of 130 bits that can be read out.
func newTicket() string {
	var b [17]byte
	rand.Read(b[:])
	return base32.StdEncoding.EncodeToString(b[:])[:26]
}

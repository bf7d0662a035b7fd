package people

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

const (
	proofLife = 30 * time.Minute // of the signed value in a form
	maxSpent  = 20_000
	nonceSize = 12
	codeSize  = 16
)

// A mint makes the signed values of forms, and encrypts sessions. All servers with the secret
// of the community accept them.
type mint struct {
	key  []byte
	seal cipher.AEAD
	now  func() time.Time

	mu    sync.Mutex
	spent map[[nonceSize]byte]time.Time // with the end of their validity
}

func newMint(derive func(string) []byte, now func() time.Time) (*mint, error) {
	block, err := aes.NewCipher(derive("sessions of pages"))
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	return &mint{key: derive("forms of pages"), seal: seal, now: now, spent: map[[nonceSize]byte]time.Time{}}, err
}

// sign returns a value that is valid for one purpose and one subject, for half an hour.
func (m *mint) sign(purpose, subject string) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(m.now().Unix()))
	b = append(b, make([]byte, nonceSize)...)
	rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b, m.code(purpose, subject, b)...))
}

func (m *mint) code(purpose, subject string, head []byte) []byte {
	mac := hmac.New(sha256.New, m.key)
	for _, part := range []string{purpose, subject, string(head)} {
		// The length before each part prevents that text moves from one part to the next.
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)[:codeSize]
}

// valid reports whether a value is valid for a purpose and a subject.
func (m *mint) valid(value, purpose, subject string) bool {
	_, _, ok := m.open(value, purpose, subject)
	return ok
}

func (m *mint) open(value, purpose, subject string) (nonce [nonceSize]byte, until time.Time, ok bool) {
	const size = 8 + nonceSize + codeSize
	if base64.RawURLEncoding.DecodedLen(len(value)) != size {
		return nonce, until, false
	}
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nonce, until, false
	}
	head := b[:8+nonceSize]
	if !hmac.Equal(m.code(purpose, subject, head), b[len(head):]) {
		return nonce, until, false
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(head)), 0)
	// Clocks of two servers may differ by a minute.
	age := m.now().Sub(made)
	return [nonceSize]byte(head[8:]), made.Add(proofLife), age <= proofLife && age >= -time.Minute
}

// spend is valid for values that count once: it returns false for a value that was used on
// this server before, for example by pressing a button twice. The centre knows the appeals of
// all servers.
func (m *mint) spend(value, purpose, subject string) bool {
	nonce, until, ok := m.open(value, purpose, subject)
	if !ok {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, done := m.spent[nonce]; done {
		return false
	}
	if len(m.spent) >= maxSpent {
		for old, end := range m.spent {
			if m.now().After(end) {
				delete(m.spent, old)
			}
		}
	}
	if len(m.spent) >= maxSpent {
		clear(m.spent) // the centre also bounds cases
	}
	m.spent[nonce] = until
	return true
}

// lock encrypts and authenticates a session, and unlock decrypts it.
func (m *mint) lock(session []byte) string {
	return base64.RawURLEncoding.EncodeToString(m.seal.Seal(nil, nil, session, []byte("member"))) //nolint:gosec // the cipher makes a random nonce
}

func (m *mint) unlock(value string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil {
		return nil, false
	}
	session, err := m.seal.Open(nil, nil, b, []byte("member"))
	return session, err == nil
}

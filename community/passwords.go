package community

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

const (
	saltSize      = 16
	rounds        = 210_000 // of PBKDF2 with SHA-256: some 50 ms
	minPassword   = 16
	maxPassword   = 256
	maxProven     = 10_000 // remembered right passwords
	slowAtOnce    = 2
	maxSlowRounds = 1_000_000
)

// A passwords checks passwords with a slow hash. It remembers right ones, so that engines that
// log in often cost little.
type passwords struct {
	key  [32]byte // of this process
	slow chan struct{}

	mu     sync.Mutex
	proven map[string][]byte // by login: a keyed hash of the password and of the stored secret
}

func newPasswords() *passwords {
	p := &passwords{slow: make(chan struct{}, slowAtOnce), proven: map[string][]byte{}}
	rand.Read(p.key[:])
	return p
}

func (p *passwords) mark(a *Account, password string) []byte {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(a.Secret))))
	mac.Write(a.Secret)
	mac.Write([]byte(password))
	return mac.Sum(nil)
}

// has reports whether a password is among the remembered ones.
func (p *passwords) has(a *Account, password string) bool {
	p.mu.Lock()
	mark, found := p.proven[a.Login]
	p.mu.Unlock()
	return found && hmac.Equal(mark, p.mark(a, password))
}

// check reports whether an account has a password. It takes equally long for an account that
// does not exist, and limits concurrent checks.
func (p *passwords) check(ctx context.Context, a *Account, password string) (bool, error) {
	select {
	case p.slow <- struct{}{}:
		defer func() { <-p.slow }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if len(password) > maxPassword {
		return false, nil
	}
	secret := a.Secret
	if len(secret) == 0 {
		secret = nobody
	}
	salt, n, sum, ok := parseSecret(secret)
	if !ok {
		return false, nil
	}
	got, err := pbkdf2.Key(sha256.New, password, salt, n, len(sum))
	if err != nil {
		return false, err
	}
	right := subtle.ConstantTimeCompare(got, sum) == 1 && len(a.Secret) > 0
	if right {
		p.remember(a, password)
	}
	return right, nil
}

func (p *passwords) remember(a *Account, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	makeRoom(p.proven, maxProven)
	p.proven[a.Login] = p.mark(a, password)
}

// makeRoom deletes some entries of a map, so that another one fits below its limit.
func makeRoom[K comparable, V any](all map[K]V, most int) {
	for key := range all {
		if len(all) < most {
			return
		}
		delete(all, key)
	}
}

// nobody is the stored secret for accounts that do not exist.
var nobody = makeSecret(make([]byte, saltSize), make([]byte, sha256.Size))

// hashPassword returns the stored form of a password: salt, rounds and hash.
func hashPassword(password string) ([]byte, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	sum, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	return makeSecret(salt, sum), err
}

func makeSecret(salt, sum []byte) []byte {
	return bytes.Join([][]byte{salt, binary.BigEndian.AppendUint32(nil, rounds), sum}, nil)
}

func parseSecret(secret []byte) (salt []byte, n int, sum []byte, ok bool) {
	if len(secret) != saltSize+4+sha256.Size {
		return nil, 0, nil, false
	}
	n = int(binary.BigEndian.Uint32(secret[saltSize:]))
	return secret[:saltSize], n, secret[saltSize+4:], n > 0 && n <= maxSlowRounds
}

package challenge

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// minSecret is the smallest size of a secret in bytes: as strong as the keys that are
// derived from it.
const minSecret = 32

// A Keyring holds the keys that sign passes and challenges. All servers of a site need
// the same secrets, to accept each other's passes. A Keyring is safe for use by many
// goroutines.
type Keyring struct {
	keys atomic.Pointer[[]key] // never changed once stored
}

// A key holds the keys that are derived from one secret.
type key struct {
	id     byte // part of each token; two keys may have the same id
	token  []byte
	puzzle []byte
}

// NewKeyring returns a keyring. The first secret signs, and signatures of all secrets
// are accepted. Each needs at least 32 bytes, which should be random. The keyring does
// not keep the secrets themselves.
func NewKeyring(secrets ...[]byte) (*Keyring, error) {
	k := new(Keyring)
	if err := k.Set(secrets...); err != nil {
		return nil, err
	}
	return k, nil
}

// Set replaces all secrets at once, while gates use them. To change a secret without
// new challenges, add the new one after the old one on all servers. Then put it first.
// Remove the old one when the last pass that it signed has ended. On an error the
// keyring does not change.
func (k *Keyring) Set(secrets ...[]byte) error {
	if len(secrets) == 0 {
		return errors.New("setting the keys of a challenge: no secret: want at least one of 32 bytes")
	}
	keys := make([]key, len(secrets))
	for i, secret := range secrets {
		made, err := newKey(secret)
		if err != nil {
			return fmt.Errorf("setting the keys of a challenge: secret %d: %w", i+1, err)
		}
		keys[i] = made
	}
	k.keys.Store(&keys)
	return nil
}

// all returns the keys, or none if Set was never called. The first key signs.
func (k *Keyring) all() []key {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// newKey derives a key for each purpose from one secret, so that none reveals another.
func newKey(secret []byte) (key, error) {
	if len(secret) < minSecret {
		return key{}, fmt.Errorf("%d bytes: want at least %d", len(secret), minSecret)
	}
	const each = sha256.Size
	out, err := hkdf.Key(sha256.New, secret, nil, "tocsin challenge 1", 2*each+1)
	if err != nil {
		return key{}, fmt.Errorf("deriving keys: %w", err)
	}
	return key{token: out[:each:each], puzzle: out[each : 2*each : 2*each], id: out[2*each]}, nil
}

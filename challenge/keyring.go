package challenge

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
)

// minSecret is how many bytes a secret has at least: as many as the strength of
// what is made from it.
const minSecret = 32

// A Keyring holds the keys that sign passes and challenges. All servers of a site
// share its secrets: what one of them signed, the others accept. Its methods may
// be called by many goroutines at once.
type Keyring struct {
	keys atomic.Pointer[[]key] // never changed once stored
}

// A key is what is made from one secret.
type key struct {
	id     byte // stands in tokens; two keys may have the same one
	token  []byte
	puzzle []byte
}

// NewKeyring returns a keyring of secrets: the first one signs, what any of them
// signed is accepted. Each has at least 32 bytes, which should be random. It keeps
// no secret itself.
func NewKeyring(secrets ...[]byte) (*Keyring, error) {
	k := new(Keyring)
	if err := k.Set(secrets...); err != nil {
		return nil, err
	}
	return k, nil
}

// Set replaces all secrets at once, while gates use them. To change a secret
// without challenging anybody anew, add the new one behind the old one on all
// servers; then put it first; and take the old one out when the last pass that it
// signed has ended. On an error the keyring stays as it was.
func (k *Keyring) Set(secrets ...[]byte) error {
	if len(secrets) == 0 {
		return errors.New("setting the keys of a challenge: no secret")
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

// all returns the keys, the one that signs first, or none if nothing was set.
func (k *Keyring) all() []key {
	if keys := k.keys.Load(); keys != nil {
		return *keys
	}
	return nil
}

// newKey makes the keys for each purpose from one secret, so that what is made
// for one of them says nothing about another.
func newKey(secret []byte) (key, error) {
	if len(secret) < minSecret {
		return key{}, fmt.Errorf("%d bytes; at least %d are needed", len(secret), minSecret)
	}
	const each = sha256.Size
	out, err := hkdf.Key(sha256.New, secret, nil, "tocsin challenge 1", 2*each+1)
	if err != nil {
		return key{}, fmt.Errorf("deriving keys: %w", err)
	}
	return key{token: out[:each:each], puzzle: out[each : 2*each : 2*each], id: out[2*each]}, nil
}

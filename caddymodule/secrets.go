package caddymodule

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"go.uber.org/zap"
)

const (
	// storedSecrets is the name under which Caddy's storage holds the secrets.
	storedSecrets = "tocsin/challenge.json"

	secretBytes    = 32
	rotateInterval = 7 * 24 * time.Hour // how long a secret signs
	// overlap is how long before it signs a new secret is there for all servers
	// to read, and how long after it has signed last it is accepted: the longest
	// that a pass can last, and some more.
	overlap      = 25 * time.Hour
	readInterval = 10 * time.Minute // how often the secrets are read again
	retryRead    = time.Minute      // and if they could not be read
	readTimeout  = 30 * time.Second
)

// storage is what of Caddy's storage is used; all servers of a cluster have the
// same.
type storage interface {
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
}

// A storedSecret is one of the secrets in the storage, which are in the order of
// time.
type storedSecret struct {
	From   time.Time `json:"from"` // when it begins to sign
	Secret []byte    `json:"secret"`
}

// A secretKeeper keeps a keyring in sync with the secrets in Caddy's storage,
// which it makes when there are none and replaces once a week.
type secretKeeper struct {
	storage storage
	ring    *challenge.Keyring
	own     []byte // signs until the stored ones are read, and is accepted for ever
	logger  *zap.Logger
	read    atomic.Bool // the stored secrets sign
}

// run keeps the keyring in step until ctx ends. Without the storage the last
// keys stay in use: a visitor may have to solve a second challenge after a
// restart, or on another server, and none is let in without one.
func (k *secretKeeper) run(ctx context.Context) {
	for {
		pause := readInterval
		if err := k.refresh(ctx); err != nil && ctx.Err() == nil {
			k.logger.Warn("passes of solved challenges are valid on this server only, and not after a restart",
				zap.Error(err), zap.Duration("next_try", retryRead))
			pause = retryRead
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (k *secretKeeper) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	all, err := k.load(ctx)
	if err != nil {
		return err
	}
	if _, due := rotate(all, time.Now()); due {
		if all, err = k.renew(ctx); err != nil {
			return err
		}
	}
	if err := k.ring.Set(append(inUse(all, time.Now()), k.own)...); err != nil {
		return err
	}
	k.read.Store(true)
	return nil
}

// renew brings the stored secrets up to date, unless another server did so
// meanwhile, and returns them.
func (k *secretKeeper) renew(ctx context.Context) (all []storedSecret, err error) {
	if err := k.storage.Lock(ctx, storedSecrets); err != nil {
		return nil, fmt.Errorf("locking %s in the storage: %w", storedSecrets, err)
	}
	defer func() {
		// Even if the time is up: the others wait for it.
		err = errors.Join(err, k.storage.Unlock(context.WithoutCancel(ctx), storedSecrets))
	}()
	if all, err = k.load(ctx); err != nil {
		return nil, err
	}
	all, due := rotate(all, time.Now())
	if !due {
		return all, nil
	}
	text, err := json.Marshal(all) //nolint:gosec // to keep them is what it is for
	if err != nil {
		return nil, err
	}
	if err := k.storage.Store(ctx, storedSecrets, text); err != nil {
		return nil, fmt.Errorf("storing %s: %w", storedSecrets, err)
	}
	return all, nil
}

func (k *secretKeeper) load(ctx context.Context) ([]storedSecret, error) {
	text, err := k.storage.Load(ctx, storedSecrets)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s from the storage: %w", storedSecrets, err)
	}
	var all []storedSecret
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("reading %s from the storage: %w", storedSecrets, err)
	}
	for _, s := range all {
		if len(s.Secret) < secretBytes {
			return nil, fmt.Errorf("reading %s from the storage: a secret has %d bytes, want %d", storedSecrets, len(s.Secret), secretBytes)
		}
	}
	return all, nil
}

// rotate returns all without those secrets that nobody needs any more, and with
// a new one if it is time, and whether there was anything to do.
func rotate(all []storedSecret, now time.Time) (next []storedSecret, due bool) {
	next = slices.Clone(all)
	for len(next) > 1 && now.Sub(next[1].From) > overlap {
		next, due = next[1:], true
	}
	switch n := len(next); {
	case n == 0:
		return append(next, newSecret(now)), true
	case now.Sub(next[n-1].From) > rotateInterval-overlap:
		return append(next, newSecret(now.Add(overlap))), true
	}
	return next, due
}

func newSecret(from time.Time) storedSecret {
	s := storedSecret{from.UTC(), make([]byte, secretBytes)}
	rand.Read(s.Secret) // never fails
	return s
}

// inUse returns the secrets of all: first the one to sign with, which is the
// newest that has begun, or the oldest if a clock is wrong and none has.
func inUse(all []storedSecret, now time.Time) [][]byte {
	signs := 0
	for i, s := range all {
		if !s.From.After(now) {
			signs = i
		}
	}
	secrets := [][]byte{all[signs].Secret}
	for i, s := range all {
		if i != signs {
			secrets = append(secrets, s.Secret)
		}
	}
	return secrets
}

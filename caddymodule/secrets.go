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
	// storedSecrets is the key of the secrets in Caddy's storage.
	storedSecrets = "tocsin/challenge.json"

	secretBytes    = 32
	rotateInterval = 7 * 24 * time.Hour // how long a secret is used to sign
	// overlap is the time between storing a new secret and signing with it, so that all
	// servers can read it first. It is also how long a secret is accepted after its last
	// use: a little more than the longest life of a pass.
	overlap      = 25 * time.Hour
	readInterval = 10 * time.Minute // the time between two reads of the secrets
	retryRead    = time.Minute      // the time until the next try after an error
	readTimeout  = 30 * time.Second
)

// storage has the used methods of Caddy's storage. All servers of a cluster share it.
type storage interface {
	Lock(ctx context.Context, name string) error
	Unlock(ctx context.Context, name string) error
	Load(ctx context.Context, key string) ([]byte, error)
	Store(ctx context.Context, key string, value []byte) error
}

// A storedSecret is one secret in the storage. They are stored in the order of time.
type storedSecret struct {
	From   time.Time `json:"from"` // when servers begin to sign with it
	Secret []byte    `json:"secret"`
}

// A secretKeeper keeps a keyring in sync with the secrets in Caddy's storage. It creates
// them if there are none, and replaces them once a week.
type secretKeeper struct {
	storage storage
	ring    *challenge.Keyring
	own     []byte // signs until the stored secrets are read, and is always accepted
	logger  *zap.Logger
	read    atomic.Bool // the stored secrets have been read and are in use
}

// run keeps the keyring in sync until ctx ends. If the storage fails, the last keys stay in
// use. A visitor may then have to solve a second challenge after a restart or on another
// server, but no visitor gets in without one.
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

// renew updates the stored secrets, unless another server has just done so, and returns
// them.
func (k *secretKeeper) renew(ctx context.Context) (all []storedSecret, err error) {
	if err := k.storage.Lock(ctx, storedSecrets); err != nil {
		return nil, fmt.Errorf("locking %s in the storage: %w", storedSecrets, err)
	}
	defer func() {
		// Unlock even if the time is up, because other servers wait for the lock.
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

// rotate returns all secrets that are still needed, with a new one if it is time, and
// whether anything changed.
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

// inUse returns the secrets in use. The first one is for signing: the newest that has begun,
// or the oldest if none has, because a clock is wrong.
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

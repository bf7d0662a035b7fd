package community

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/internal/limit"
	"github.com/tocsin-project/tocsin/lookup"
)

// A Caller is an authenticated account.
type Caller struct {
	Login string
	Role  Role
	ID    consensus.MemberID // its keyed hash in the store
	Terms string             // the accepted version
	Own   []consensus.Unit   // its own addresses
	Proof string             // another one after each change of its key or password
}

// doors limit how often callers try to log in.
type doors struct {
	signals *limit.Limiter[string]       // by login
	failed  *limit.Limiter[netip.Prefix] // by network: wrong keys and passwords
	logins  *limit.Limiter[string]       // by login: wrong passwords
	joins   *limit.Limiter[netip.Prefix] // by network
	proven  *passwords
	keys    *keys
}

const (
	maxLogins   = 50_000
	maxNetworks = 20_000
)

func newDoors(cfg *Config) doors {
	return doors{
		signals: limiterOf(float64(cfg.Rates.PerSecond), float64(cfg.Rates.Burst), maxLogins, cfg.Now),
		failed:  byNetwork(1, 30, cfg.Now),
		logins:  limiterOf(1.0/30, 10, maxLogins, cfg.Now),
		joins:   byNetwork(1.0/60, 10, cfg.Now),
		proven:  newPasswords(),
		keys:    &keys{right: map[[sha256.Size]byte]bool{}},
	}
}

func limiterOf(perSecond, burst float64, most int, now func() time.Time) *limit.Limiter[string] {
	return limit.New(limit.Config[string]{PerSecond: perSecond, Burst: burst, Most: most, Now: now})
}

// byNetwork returns a limiter in which a wide network, a /16 or a /32 of IPv6, cannot use up the
// room of all others.
func byNetwork(perSecond, burst float64, now func() time.Time) *limit.Limiter[netip.Prefix] {
	wide := func(p netip.Prefix) netip.Prefix {
		if !p.IsValid() {
			return p
		}
		return lookup.Network(p.Addr(), 16, 32)
	}
	return limit.New(limit.Config[netip.Prefix]{PerSecond: perSecond, Burst: burst, Most: maxNetworks, Now: now, Wide: wide})
}

// maxKeys is the limit of remembered keys.
const maxKeys = 50_000

// keys remembers the hashes of keys that were right, so that wrong keys from the same network do
// not shut their owners out.
type keys struct {
	mu    sync.Mutex
	right map[[sha256.Size]byte]bool
}

func (k *keys) isRight(hash []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.right[[sha256.Size]byte(hash)]
}

// note notes whether a key was right.
func (k *keys) note(hash []byte, right bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.right, [sha256.Size]byte(hash))
	if !right {
		return
	}
	makeRoom(k.right, maxKeys)
	k.right[[sha256.Size]byte(hash)] = true
}

// network returns the network of an address, for limits and ties: a /24, or a /48 of IPv6.
func network(from netip.Addr) netip.Prefix {
	if !from.IsValid() {
		return netip.Prefix{}
	}
	return lookup.Network(lookup.Normalize(from), 24, 48)
}

// Key returns the caller with this API key.
func (c *Centre) Key(ctx context.Context, key string, from netip.Addr) (Caller, error) {
	net, hash := network(from), hashKey(key)
	if !c.doors.keys.isRight(hash) {
		if retry, ok := c.doors.failed.Take(net, 0); !ok {
			return Caller{}, TooManyError{retry}
		}
	}
	a, err := c.cfg.Accounts.ByKey(ctx, hash)
	if errors.Is(err, ErrNotFound) || err == nil && key == "" {
		c.doors.keys.note(hash, false)
		return Caller{}, c.failed(net)
	}
	if err != nil {
		return Caller{}, doing("reading the account of a key", err)
	}
	c.doors.keys.note(hash, true)
	return c.enter(ctx, a, from)
}

// failed counts a failure of a network. After too many, the centre refuses it for a while.
func (c *Centre) failed(net netip.Prefix) error {
	if retry, ok := c.doors.failed.Take(net, 1); !ok {
		return TooManyError{retry}
	}
	return ErrDenied
}

// Login returns the caller with this login and password. The password of a member is its API
// key, or the one that it chose in [Centre.Enlist].
func (c *Centre) Login(ctx context.Context, login, password string, from netip.Addr) (Caller, error) {
	net := network(from)
	a, err := c.account(ctx, login)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Caller{}, doing("reading an account", err)
	}
	known := err == nil
	if known && len(a.Key) > 0 && subtle.ConstantTimeCompare(hashKey(password), a.Key) == 1 {
		return c.enter(ctx, a, from)
	}
	if known && c.doors.proven.has(&a, password) {
		return c.enter(ctx, a, from)
	}
	if err := c.allowGuess(&a, net); err != nil {
		return Caller{}, err
	}
	right, err := c.doors.proven.check(ctx, &a, password)
	if err != nil {
		return Caller{}, err
	}
	if !known || !right {
		return Caller{}, ErrDenied
	}
	return c.enter(ctx, a, from)
}

// allowGuess bounds how often the centre computes a slow hash: by network, and by login for
// networks from which that login has not succeeded yet.
func (c *Centre) allowGuess(a *Account, net netip.Prefix) error {
	if retry, ok := c.doors.failed.Take(net, 1); !ok {
		return TooManyError{retry}
	}
	if a.Login == "" || a.From.IsValid() && a.From == net {
		return nil
	}
	if retry, ok := c.doors.logins.Take(a.Login, 1); !ok {
		return TooManyError{retry}
	}
	return nil
}

// account returns the account with a login, or ErrNotFound. Text that cannot be a login does not
// reach the database: PostgreSQL fails on a NUL, and each failure would be logged.
func (c *Centre) account(ctx context.Context, login string) (Account, error) {
	if !isLogin(login) {
		return Account{}, ErrNotFound
	}
	return c.cfg.Accounts.ByLogin(ctx, login)
}

// Caller returns the caller with a login. The caller must have been authenticated before.
func (c *Centre) Caller(ctx context.Context, login string) (Caller, error) {
	a, err := c.account(ctx, login)
	if errors.Is(err, ErrNotFound) {
		return Caller{}, ErrDenied
	}
	if err != nil {
		return Caller{}, doing("reading an account", err)
	}
	return c.admit(&a)
}

// admit returns the caller of an account.
func (c *Centre) admit(a *Account) (Caller, error) {
	switch {
	case !a.Left.IsZero():
		return Caller{}, ErrDenied
	case a.Suspended:
		return Caller{}, ErrSuspended
	}
	return Caller{Login: a.Login, Role: a.Role, ID: c.memberID(a.Login), Terms: a.Terms, Own: a.Own, Proof: c.proofOf(a)}, nil
}

const (
	maxOwn = 8 // addresses of a member
	// ownAfter is the time of membership after which a member's addresses count as its own.
	ownAfter = 7 * day
)

// enter admits an authenticated account. At most once in an hour it notes the address that
// the account connects from as its own.
func (c *Centre) enter(ctx context.Context, a Account, from netip.Addr) (Caller, error) {
	caller, err := c.admit(&a)
	if err != nil {
		return caller, err
	}
	now := c.now()
	hour, net := now.Truncate(time.Hour), network(from)
	unit, ownErr := unitOf(netip.PrefixFrom(from, max(0, from.BitLen())))
	isNew := ownErr == nil && a.Role == Reporter && len(a.Own) < maxOwn && !slices.Contains(a.Own, unit)
	if a.Seen.Equal(hour) && !isNew {
		return caller, nil
	}
	err = c.cfg.Accounts.Change(ctx, a.Login, func(a *Account) error {
		a.Seen = hour
		if net.IsValid() {
			a.From = net
		}
		if n := c.cfg.Classes.Network(from); n != 0 {
			a.Net = n
		}
		if isNew && len(a.Own) < maxOwn && !slices.Contains(a.Own, unit) {
			a.Own = append(a.Own, unit)
		}
		caller.Own = a.Own
		return nil
	})
	if err == nil && isNew {
		c.own.add(unit, a.Joined, c.memberID(a.Login))
	}
	return caller, doing("noting that a member came", err)
}

// Disown removes an address from a member's own addresses.
func (c *Centre) Disown(ctx context.Context, by Caller, unit consensus.Unit) error {
	err := c.cfg.Accounts.Change(ctx, by.Login, func(a *Account) error {
		a.Own = slices.DeleteFunc(a.Own, func(u consensus.Unit) bool { return u == unit })
		return nil
	})
	if err == nil {
		c.own.remove(unit, by.ID)
	}
	return doing("taking off an own address", err)
}

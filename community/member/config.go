package member

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Config describes a membership. URL and Key are required.
type Config struct {
	Name     string        // source of its decisions in the table; default: community
	URL      string        // of the centre, such as https://blocklist.example.org
	Key      string        // of this server: see [Join]
	Interval time.Duration // from one poll to the next, less up to a tenth; at least 1s; default: 1m
	Resync   time.Duration // how often to ask for the whole list, less up to a tenth; default: 1h
	Logger   *zap.Logger   // default: none

	// Lists are the optional lists to enforce: tor, scanners.
	// Default: none.
	Lists []string

	// Size is the limit of enforced entries, the most certain first. Default: a million.
	Size int

	// CA is the path of a PEM file with the authorities for the centre's certificate.
	// Default: the system's.
	CA string

	// Plain allows plain http to another host. Anybody on the way can then read the key and
	// change the list. Default: only to this host.
	Plain bool

	// Agent is the User-Agent of this program, such as tocsin/0.1.0. Default: tocsin.
	Agent string

	// Witness returns when and how often a unit, an IPv4 address or a /64 of IPv6, used this
	// site in a good way that cannot be faked: with a login that the site accepted, or with a
	// solved challenge. See [Memory]. The client calls it for units that the centre is in
	// doubt about, and sends the centre the hour and the magnitude. Default: the client sends
	// nothing.
	Witness func(unit netip.Prefix) (last time.Time, count int, ok bool)
}

const (
	defaultName     = "community"
	defaultInterval = time.Minute
	defaultResync   = time.Hour
	defaultSize     = 1_000_000
	defaultAgent    = "tocsin"
	minInterval     = time.Second
	maxKey          = 512 // bytes
)

// optional are the names of lists that Config.Lists can have.
var optional = []string{"tor", "scanners"}

func (cfg Config) withDefaults() Config {
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Resync == 0 {
		cfg.Resync = max(defaultResync, cfg.Interval)
	}
	if cfg.Size == 0 {
		cfg.Size = defaultSize
	}
	if cfg.Agent == "" {
		cfg.Agent = defaultAgent
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return cfg
}

func (cfg Config) check() error {
	switch {
	case cfg.Interval < minInterval:
		return fmt.Errorf("interval %v: want at least %v", cfg.Interval, minInterval)
	case cfg.Resync < cfg.Interval:
		return fmt.Errorf("resync %v: want at least the interval of %v", cfg.Resync, cfg.Interval)
	case cfg.Size < 0:
		return fmt.Errorf("size %d: want at least 1", cfg.Size)
	case cfg.Key == "":
		return errors.New("no key: `tocsin community join URL INVITATION` makes one")
	}
	for _, name := range cfg.Lists {
		if !slices.Contains(optional, name) {
			return fmt.Errorf("list %.32q: want one of %s", name, joined(optional))
		}
	}
	return checkKey(cfg.Key)
}

// checkKey returns an error if a key has a space, a line end or a placeholder in it.
func checkKey(key string) error {
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' }) {
		return fmt.Errorf("the key is not one: want up to %d visible characters without a space, as in the file that `tocsin community join` writes", maxKey)
	}
	return nil
}

func joined(names []string) string { return strings.Join(names, ", ") }

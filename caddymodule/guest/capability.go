package guest

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Files is a guest whose files belong to its identity, because it reads them only once.
type Files interface {
	Files() []File
}

// A File is a file that a guest reads.
type File struct {
	Option string // the option with its path, for errors, such as "tls"
	Path   string
}

// ParseFailure returns the action of an option failure: "open" or nothing means none,
// "captcha" and "ban" the action of that name.
func ParseFailure(s string) (lookup.Action, error) {
	switch a, err := lookup.ParseAction(s); {
	case s == "" || s == "open":
		return lookup.None, nil
	case err == nil && (a == lookup.Captcha || a == lookup.Ban):
		return a, nil
	}
	return lookup.None, fmt.Errorf("%.64q: want open, ban or captcha", s)
}

// A Locator is a source that knows the places of addresses, for decisions about
// countries and autonomous systems. It has no decisions itself.
type Locator interface {
	// Locate returns the country code of ip, and the number of its autonomous system.
	// Requests wait for it.
	Locate(ip netip.Addr) (country string, as uint32)
	// SystemName returns the name of the autonomous system.
	SystemName(ip netip.Addr) string
}

// A Syncer is a source that can read everything again. Sync does not wait.
type Syncer interface{ Sync() }

// A Reporter is a source that accepts alerts.
type Reporter interface {
	engine.Reporter
	// CanReport returns why it cannot accept alerts with its configuration, or nil if
	// it can.
	CanReport() error
}

// An Unbanner is a source that can delete decisions in its upstream.
type Unbanner interface {
	Name() string
	// Unban deletes the decisions about exactly the target of d, and returns their
	// number. The error [errors.ErrUnsupported] means that its configuration does not
	// allow that.
	Unban(ctx context.Context, d lookup.Decision) (int, error)
}

// Allowlisted is a source with allowlists. If it is also an [engine.Allowlister], its
// decisions do not apply to clients on them.
type Allowlisted interface {
	// Allowlist returns the state of the allowlists. ok is false if its configuration
	// reads none.
	Allowlist() (list Allowlist, ok bool)
}

// An Allowlist is the state of the allowlists of a source.
type Allowlist struct {
	Entries int
	Read    time.Time // when they were last read; zero: never
	Err     error     // of the last try; nil if it succeeded
}

// Keyed is a source with a key that inspectors can use too.
type Keyed interface {
	// Key returns the key, or "" if there is none.
	Key() string
}

// Captchas is a guest with options that ask for captchas, which need a challenge.
type Captchas interface {
	// Captchas returns these options, such as "failure of lapi 1".
	Captchas() []string
}

// A Warner is a guest that checks a loaded config for mistakes.
type Warner interface {
	// Warn calls warn for each mistake.
	Warn(c Config, warn func(text string, fields ...zap.Field))
}

// Config is the part of the config for a [Warner].
type Config struct {
	Sources []Opened // all of the config, in its order
	Report  []string // the names of the receivers of alerts
}

// An Explainer is a source with pages that explain its decisions.
type Explainer interface {
	// Explain returns who decides, and the address of the page about ip; empty if there is
	// none. The texts are safe to show.
	Explain(ip netip.Addr) (by, link string)
}

// Communal is a source that is the list of a community.
type Communal interface {
	// Membership returns how this server stands in the community.
	Membership() Membership
}

// A Membership is the standing of this server in a community. The texts are safe to show.
type Membership struct {
	Community   string   // its name
	State       string   // active, vouched, quarantined or suspended; empty: unknown yet
	Established bool     // its reports count in full
	Trust       string   // 0.00 to 1.00
	Why         []string // sentences
	Reports     int64    // of the last 14 days
	Confirmed   int64    // of these
	Own         []string // addresses of this server that other members report
	Notices     []string // what the operator should know
}

// A Witness is a source that asks which clients behaved well here.
type Witness interface {
	// Witnesses reports whether it asks with its configuration. Then the app remembers such
	// clients for up to 14 days, as keyed hashes.
	Witnesses() bool
}

// A Closer is closed when no config uses it any more.
type Closer interface{ Close() }

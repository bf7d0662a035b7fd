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

// Files is a guest whose files belong to its identity: it reads them once.
type Files interface {
	Files() []File
}

// A File is one that a guest reads.
type File struct {
	Option string // that names it, for errors, such as "tls"
	Path   string
}

// ParseFailure returns the action that s, the value of an option such as failure, names
// for what could not be asked about: "open" or nothing for none, "captcha" or "ban".
func ParseFailure(s string) (lookup.Action, error) {
	switch a, err := lookup.ParseAction(s); {
	case s == "" || s == "open":
		return lookup.None, nil
	case err == nil && (a == lookup.Captcha || a == lookup.Ban):
		return a, nil
	}
	return lookup.None, fmt.Errorf("%.64q: want open, ban or captcha", s)
}

// A Locator is a source that says where addresses are, for decisions about countries and
// autonomous systems. It has no decisions.
type Locator interface {
	// Locate returns the code of the country that ip is in, and the number of its
	// autonomous system. It stands in front of requests.
	Locate(ip netip.Addr) (country string, as uint32)
	// SystemName returns the name of the autonomous system.
	SystemName(ip netip.Addr) string
}

// A Syncer is a source that can read everything anew. It does not wait for that.
type Syncer interface{ Sync() }

// A Reporter is a source that can be told of alerts.
type Reporter interface {
	engine.Reporter
	// CanReport says why it cannot be told, as it is configured. Nil: it can.
	CanReport() error
}

// An Unbanner is a source that takes decisions back where they come from.
type Unbanner interface {
	Name() string
	// Unban takes back what is decided about the very target of d, and returns how many
	// decisions there were. An error that is [errors.ErrUnsupported] says that it cannot, as
	// it is configured.
	Unban(ctx context.Context, d lookup.Decision) (int, error)
}

// Allowlisted is a source with allowlists. If it is an [engine.Allowlister] too, clients on
// them are spared its decisions.
type Allowlisted interface {
	// Allowlist says how the allowlists stand. Not ok: none are read, as it is configured.
	Allowlist() (list Allowlist, ok bool)
}

// An Allowlist says how the allowlists of a source stand.
type Allowlist struct {
	Entries int
	Read    time.Time // when they last were; zero: never
	Err     error     // why the last try failed; nil if it did not
}

// Keyed is a source with a key that inspectors can use, too.
type Keyed interface {
	// Key returns the key, empty if it has none.
	Key() string
}

// Captchas is a guest that asks for captchas, which needs a challenge.
type Captchas interface {
	// Captchas names the options that do, such as "failure of lapi 1".
	Captchas() []string
}

// A Warner is a guest that looks for mistakes in a config which has been loaded.
type Warner interface {
	// Warn calls warn for each mistake.
	Warn(c Config, warn func(text string, fields ...zap.Field))
}

// Config is what a [Warner] may know of the config.
type Config struct {
	Sources []Opened // all of the config, in its order
	Report  []string // the names of those that are told of alerts
}

// A Closer is closed when no config needs it any more.
type Closer interface{ Close() }

package community

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/consensus"
)

// Config configures a [Centre]. Zero fields have defaults, except Store, Accounts and Secret.
type Config struct {
	Store    Store
	Accounts Accounts
	// Secret keys the hashes of members, units and overlaps. It has 32 bytes or more.
	// Keep it outside the databases and never change it: with another secret, the store does
	// not recognize the members.
	Secret []byte

	Rules    *consensus.Rules // nil: those of [consensus.Defaults]
	Name     string           // of the community; empty: "community"
	Operator Operator         // required if Public
	Public   bool             // everybody may read the list; otherwise members only
	Site     string           // origin of the pages, such as https://blocklist.example.org
	Terms    string           // version of the terms that members accept; empty: "1"

	Catalogue *Catalogue            // nil: [BuiltinCatalogue]
	Classes   Classes               // nil: no address has a class
	Imported  func(netip.Addr) bool // whether a public list has an address; nil: never
	Retention Retention
	Rates     Rates
	// Removals keeps what must stay removed if an older backup is restored: see
	// [NewRemovalFile]. nil: a restore brings back listings that appeals ended, and erased data.
	Removals Removals

	Log *zap.Logger      // nil: no log
	Now func() time.Time // nil: time.Now
}

// An Operator is responsible for a centre.
type Operator struct {
	Name    string
	Contact string // mail address or web page
}

// Classes classifies addresses without any report. Transactions call it, so it must answer
// from memory.
type Classes interface {
	Class(unit consensus.Unit) Class
	Network(ip netip.Addr) consensus.ASN // 0: unknown
}

// A Class is the data about an address that does not come from reports.
type Class struct {
	Exclusion consensus.Exclusion
	Name      string // of the owner, such as "Cloudflare"; for diagnoses
	Canary    bool   // an address of the operator that never connects to others
	Shared    bool   // many people use it
	Tor       bool   // an exit of Tor
	Scanner   bool   // a harmless scanner
}

// DefaultClasses knows no address.
type DefaultClasses struct{}

// Class returns the zero Class.
func (DefaultClasses) Class(consensus.Unit) Class { return Class{} }

// Network returns 0.
func (DefaultClasses) Network(netip.Addr) consensus.ASN { return 0 }

// Retention is how long the centre keeps data. Shorter times are always allowed, longer ones
// need a reason.
type Retention struct {
	Reports  time.Duration // reports and ordinary use; zero: 14 days, and never more
	Episodes time.Duration // records, credits, faults and changes; zero: 90 days
	Cases    time.Duration // closed cases and the audit log; zero: 365 days
	Accounts time.Duration // of members that left; zero: 30 days
	Reason   string        // required if a time is longer than its default
}

// Rates limit the signals of members.
type Rates struct {
	PerSecond int // signals of a member in a second; zero: 10
	Burst     int // zero: 1,000
	Batch     int // signals at once; zero: 250
	Additions int // new listings in an hour that never trigger the centre's brake; zero: 100
}

const day = 24 * time.Hour

// withDefaults returns cfg with the defaults of fields that are zero.
func (cfg Config) withDefaults() (Config, error) {
	cfg.Retention = cfg.Retention.withDefaults()
	if cfg.Rules == nil {
		constants := consensus.Defaults()
		cfg.Retention.Bound(&constants)
		rules, err := consensus.New(constants)
		if err != nil {
			return cfg, err
		}
		cfg.Rules = rules
	}
	cfg.Name, cfg.Terms = cmp.Or(cfg.Name, "community"), cmp.Or(cfg.Terms, "1")
	cfg.Site = strings.TrimRight(cfg.Site, "/")
	if cfg.Catalogue == nil {
		cfg.Catalogue = BuiltinCatalogue()
	}
	if cfg.Classes == nil {
		cfg.Classes = DefaultClasses{}
	}
	if cfg.Imported == nil {
		cfg.Imported = func(netip.Addr) bool { return false }
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Rates = cfg.Rates.withDefaults()
	return cfg, nil
}

func (r Rates) withDefaults() Rates {
	r.PerSecond, r.Burst = cmp.Or(r.PerSecond, 10), cmp.Or(r.Burst, 1000)
	r.Batch, r.Additions = cmp.Or(r.Batch, 250), cmp.Or(r.Additions, 100)
	return r
}

// usualRetention is allowed without a reason by the law of most members.
var usualRetention = Retention{Reports: 14 * day, Episodes: 90 * day, Cases: 365 * day, Accounts: 30 * day}

func (r Retention) withDefaults() Retention {
	r.Reports, r.Episodes = cmp.Or(r.Reports, usualRetention.Reports), cmp.Or(r.Episodes, usualRetention.Episodes)
	r.Cases, r.Accounts = cmp.Or(r.Cases, usualRetention.Cases), cmp.Or(r.Accounts, usualRetention.Accounts)
	return r
}

// Bound shortens what the consensus remembers to what the centre keeps, at least a day.
func (r Retention) Bound(c *consensus.Config) {
	kept := max(r.withDefaults().Episodes, day)
	c.Durations.EpisodeMemory, c.Trust.FaultMemory = min(c.Durations.EpisodeMemory, kept), min(c.Trust.FaultMemory, kept)
}

// check returns the first mistake in cfg, whose defaults are set.
func (cfg *Config) check() error {
	switch {
	case cfg.Store == nil:
		return errors.New("no store: set Store")
	case cfg.Accounts == nil:
		return errors.New("no accounts: set Accounts")
	case len(cfg.Secret) < 32:
		return fmt.Errorf("the secret has %d bytes: want 32 or more", len(cfg.Secret))
	case cfg.Public && (cfg.Operator.Name == "" || cfg.Operator.Contact == ""):
		return errors.New("a public community without a name and a contact of its operator: set Operator")
	case cfg.Rates.PerSecond < 1, cfg.Rates.Burst < 1, cfg.Rates.Batch < 1, cfg.Rates.Additions < 1:
		return errors.New("a rate is negative: want 1 or more")
	case cfg.Rates.Burst < cfg.Rates.Batch:
		return fmt.Errorf("a burst of %d signals, and batches of %d: want a burst that is not smaller", cfg.Rates.Burst, cfg.Rates.Batch)
	}
	if err := checkSite(cfg.Site); err != nil {
		return err
	}
	return cfg.Retention.check(cfg.Rules.Config())
}

func checkSite(site string) error {
	if site == "" {
		return nil
	}
	u, err := url.Parse(site)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return fmt.Errorf("site %q: want an origin such as https://blocklist.example.org", site)
	}
	return nil
}

func (r *Retention) check(rules consensus.Config) error {
	for _, l := range []struct {
		name        string
		value, most time.Duration
	}{
		{"reports", r.Reports, usualRetention.Reports},
		{"episodes", r.Episodes, usualRetention.Episodes},
		{"cases", r.Cases, usualRetention.Cases},
		{"accounts", r.Accounts, usualRetention.Accounts},
	} {
		if l.value < day {
			return fmt.Errorf("retention of %s is %s: want a day or more", l.name, l.value)
		}
		if l.value > l.most && r.Reason == "" {
			return fmt.Errorf("retention of %s is %s: want %s at most, or a reason", l.name, l.value, l.most)
		}
	}
	if r.Reports < rules.Window {
		return fmt.Errorf("retention of reports is %s: want at least the window of the consensus, %s", r.Reports, rules.Window)
	}
	if memory := rules.Durations.EpisodeMemory; r.Episodes < memory {
		return fmt.Errorf("retention of episodes is %s: want at least the memory of the consensus, %s", r.Episodes, memory)
	}
	return nil
}

// Package guest defines what the app tocsin needs of a guest: a source of decisions, an
// inspector or a challenge provider of any package.
//
// A guest is a Caddy module in one of these namespaces and implements the interface:
//
//	tocsin.sources     [Source]: the app has them in its field "sources", by the key "source"
//	tocsin.inspectors  [Inspector]: in its field "inspectors", by the key "inspector"
//	tocsin.challenges  [Provider]: in the field "provider" of "challenge", by the key "name"
//
// It is enough to register one in a package and to build the package into Caddy. If the
// module reads Caddyfiles, its name is an option of the global option tocsin. The name of
// a provider is an argument of the option challenge.
//
// # Life of a guest
//
// Caddy loads the module. The app calls Resolve and hashes the module's JSON: the hash is
// its identity. While a new config has the same JSON, the app keeps the value that it
// opened for an earlier config, with its connections and counters. So every setting needs
// a JSON field, and Resolve replaces placeholders and reads secrets. Open creates the
// value. It may read files, but it opens no connection and starts no goroutine, because
// caddy validate calls it too.
//
// # Capabilities
//
// The value that a guest opens can have more capabilities. For each, it implements one of
// these interfaces:
//
//	source     engine.Source    it keeps the table in sync: this or the next is required
//	source     engine.Live      it is asked about each client
//	source     engine.Counting  it has counts of its own, for the status and the metrics
//	source     Locator          it knows country and AS of addresses, and has no decisions
//	source     Syncer           it can read everything again at once
//	source     Reporter         it gets alerts, if the option report names it
//	source     Unbanner         it deletes decisions where they come from
//	source     Allowlisted      it has allowlists
//	source     Keyed            it has a key that inspectors can use, too
//	source     Warner           it looks for mistakes in the config
//	source     Explainer        it has pages that explain its decisions
//	source     Communal         it is the list of a community
//	source     Witness          it asks which clients behaved well here
//	inspector  Starter          it has work to do while a config runs
//	inspector  Owner            it has paths of its own
//	inspector  Counted          the status shows its inspections
//	inspector  Ruled            the status shows its rules
//	any        Captchas         it can demand captchas
//	any        Closer           the app closes it when no config needs it any more
//	any        prometheus.Collector  it has metrics of its own
package guest

import (
	"iter"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// Sources is the namespace of sources.
const Sources = "tocsin.sources"

// A Source is a module in the namespace tocsin.sources.
type Source interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks the
	// options. Nth counts the sources of this module in the config, from 0.
	Resolve(repl *caddy.Replacer, nth int) error
	// Open creates the source after Resolve.
	Open(env Env) (Opened, error)
}

// An Opened is the result of a [Source]. It must also be an [engine.Source] or an
// [engine.Live].
type Opened interface {
	// Name is the source of its decisions. It must be unique in a config.
	Name() string
	// Kind is the name of this kind of source in the status.
	Kind() string
	// Status returns the state of the source.
	Status() lookup.Status
}

// Env has the data and functions of the app for sources. The functions may be called at
// any time after Open has returned.
type Env struct {
	Logger   *zap.Logger
	Fallback lookup.Action // action for decisions of an unknown type
	Context  []string      // optional fields of requests in alerts: see the option report

	Counters  iter.Seq2[string, *middleware.Counters] // of requests, by server
	Scenarios func() []string                         // names of the running scenarios
	Locate    func(netip.Addr) Place                  // place of an address; the zero Place if it is unknown
	LogBits   func() (v4, v6 int)                     // how many bits of addresses the log may show
	Report    []string                                // names of the sources that get alerts

	// Witness returns when and how often a unit, an IPv4 address or a /64 of IPv6, logged in
	// or solved a challenge here, if it is known to have done so: see [Witness].
	Witness func(unit netip.Prefix) (last time.Time, count int, ok bool)
}

// A Place is the place of an address. Unknown fields are zero.
type Place struct {
	Country string // its code, such as FR
	AS      uint32 // number of the autonomous system
	ASName  string // its name
}

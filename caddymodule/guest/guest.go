// Package guest answers one question: what does a source of decisions, an inspector or
// a provider of challenges have to be, to be loaded by the app tocsin?
//
// It is a Caddy module in one of these namespaces, and has the methods of the interface:
//
//	tocsin.sources     [Source]: the app has them in its field "sources", by the key "source"
//	tocsin.inspectors  [Inspector]: in its field "inspectors", by the key "inspector"
//	tocsin.challenges  [Provider]: in the field "provider" of "challenge", by the key "name"
//
// A package that registers one, and is built into Caddy, is all that it takes. If the module
// reads Caddyfiles, its name is an option of the global option tocsin, and that of a
// provider a word behind challenge.
//
// # What becomes of a guest
//
// Caddy loads the module. The app calls Resolve, and hashes what the module then is in
// JSON: this is its identity. As long as a config says the same, the app goes on with what
// it has opened for an earlier one, with its connections and counters. So everything that
// it is made from has a field in JSON, and Resolve replaces placeholders and reads secrets.
// Open makes the thing itself. It may read files. It opens no connection and starts no
// goroutine: caddy validate calls it too.
//
// # Capabilities
//
// What a guest can do beyond that is found by what it has opened: that has the methods of
// one of the interfaces here, or it has not.
//
//	source     engine.Source    it keeps the table in step: this or the next is required
//	source     engine.Live      it is asked about each client
//	source     engine.Counting  it has counts of its own, for the status and the metrics
//	source     Locator          it says where addresses are, and has no decisions
//	source     Syncer           it can read everything anew, now
//	source     Reporter         it is told of alerts, if the option report names it
//	source     Unbanner         it takes decisions back where they come from
//	source     Allowlisted      it has allowlists
//	source     Keyed            it has a key that inspectors can use, too
//	source     Warner           it looks for mistakes in the config
//	inspector  Starter          it does something as long as a config runs
//	inspector  Counted          its inspections are in the status
//	any        Captchas         it asks for captchas
//	any        Closer           it is closed when no config needs it any more
//	any        prometheus.Collector  it has metrics of its own
package guest

import (
	"iter"
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// Sources is the namespace of sources.
const Sources = "tocsin.sources"

// A Source is a module in the namespace tocsin.sources.
type Source interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks what the
	// operator has written. Nth counts the sources of this module in the config, from 0.
	Resolve(repl *caddy.Replacer, nth int) error
	// Open makes the source, once it is resolved.
	Open(env Env) (Opened, error)
}

// An Opened is what a [Source] has opened. It is an [engine.Source] or an [engine.Live]
// too.
type Opened interface {
	// Name is what its decisions are filed under. No two sources of a config have the same.
	Name() string
	// Kind is what the status calls this kind of source.
	Kind() string
	// Status says how the source stands.
	Status() lookup.Status
}

// Env is what the app offers to sources. All functions may be called at any time after
// Open has returned.
type Env struct {
	Logger   *zap.Logger
	Fallback lookup.Action // what a decision of a type that is not known asks for
	Context  []string      // what is told of requests in alerts, beyond the usual: see the option report

	Counters  iter.Seq2[string, *middleware.Counters] // of requests, by server
	Scenarios func() []string                         // the names of those that are looked for
	Locate    func(netip.Addr) Place                  // where an address is; the zero Place if nobody knows
	LogBits   func() (v4, v6 int)                     // how much of an address the log may have
}

// A Place is where an address is. What is not known is the zero value.
type Place struct {
	Country string // its code, such as FR
	AS      uint32 // number of the autonomous system
	ASName  string // its name
}

package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lookup"
)

// State is what an engine is made from, and all of it is the engine's identity:
// configs with the same State share an engine, one after the other. What says
// what to do with decisions does not belong here.
type State struct {
	// Where decisions come from, and databases that say where an address is: modules in the
	// namespace tocsin.sources. Those that come with the module are lapi, blocklist and
	// geoip. Default: none.
	SourcesRaw []json.RawMessage `json:"sources,omitempty" caddy:"namespace=tocsin.sources inline_key=source" option:"-"`

	// Prefixes of local translators of IPv4 to IPv6 (NAT64, SIIT), of 32, 40, 48, 56, 64
	// or 96 bits: clients with addresses in them count as the IPv4 addresses that these
	// have in them, as those in 64:ff9b::/96 always do. Default: none.
	NAT64 []string `json:"nat64,omitempty"`

	// File that carries decisions over a restart, or "off". Placeholders are
	// replaced. One server at a time writes it. Default: a file in Caddy's data
	// folder, tocsin-ID.snap, where ID stands for this State, so that servers which
	// share the folder have one each.
	Snapshot string `json:"snapshot,omitempty"`

	// Names of the sources that are told of alerts. A Local API needs a machine for it.
	// Default: none.
	Report []string `json:"report,omitempty" option:"-"`

	// What these are told of requests beside time, method, path, status and user
	// agent: "query" and "host". Default: nothing.
	Context []string `json:"context,omitempty" option:"query|host,-"`

	// What is decided here when a scenario alerts.
	Local Local `json:"local,omitzero"`

	// Crawlers that scenarios bring no decision on, once their addresses are
	// verified.
	Crawlers Crawlers `json:"crawlers,omitzero"`

	// What a decision of a type that is not known asks for: ban, captcha or
	// throttle. Default: ban.
	Fallback string `json:"fallback,omitempty" option:"ban|captcha|throttle"`

	sources guests // of SourcesRaw, resolved
}

// switches are words that mean yes or no, and never a file.
var switches = []string{"on", "yes", "true", "no", "none", "false"}

// load returns s as engines are made from it: with its sources loaded, defaults filled in,
// placeholders replaced and keys read. The result holds secrets.
func (s State) load(ctx caddy.Context, repl *caddy.Replacer) (State, error) {
	var err error
	if s.sources, err = loadSources(ctx, s.SourcesRaw, repl); err != nil {
		return State{}, err
	}
	if s.Fallback == "" {
		s.Fallback = lookup.Ban.String()
	}
	if err := option.Check(&s.Local); err != nil {
		return State{}, fmt.Errorf("local: %w", err)
	}
	if err := s.Crawlers.resolve(repl); err != nil {
		return State{}, fmt.Errorf("crawlers: %w", err)
	}
	if s.Snapshot != "" {
		if s.Snapshot, err = repl.ReplaceOrErr(s.Snapshot, true, true); err != nil {
			return State{}, fmt.Errorf("snapshot: %w", err)
		}
		if slices.Contains(switches, s.Snapshot) {
			return State{}, fmt.Errorf("snapshot: %q: want the path of a file, or off; without the option there is a file in Caddy's data folder", s.Snapshot)
		}
	}
	return s, nil
}

// nat64 returns what knows the translators.
func (s State) nat64() (*lookup.NAT64, error) {
	prefixes := make([]netip.Prefix, len(s.NAT64))
	for i, v := range s.NAT64 {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("nat64: %.64q is no prefix: want one such as 2001:db8:64::/96", v)
		}
		prefixes[i] = p
	}
	n, err := lookup.NewNAT64(prefixes...)
	if err != nil {
		return nil, fmt.Errorf("nat64: %w", err)
	}
	return n, nil
}

// key returns what tells s from any other State: a hash over the whole of it, and over
// the files of its sources.
func (s State) key() (string, error) {
	s.SourcesRaw = nil
	return identity(s, s.sources.modules()...)
}

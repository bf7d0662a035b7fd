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

// State has the settings of an engine. All of it is the engine's identity: consecutive
// configs with the same State share an engine. Settings about the use of decisions do
// not belong here.
type State struct {
	// The sources of decisions, and geo databases: modules in the namespace
	// tocsin.sources, such as lapi, blocklist and geoip. Default: none.
	SourcesRaw []json.RawMessage `json:"sources,omitempty" caddy:"namespace=tocsin.sources inline_key=source" option:"-"`

	// Prefixes of local translators from IPv4 to IPv6 (NAT64, SIIT), of 32, 40, 48, 56,
	// 64 or 96 bits. A client with an address in one counts as the IPv4 address inside,
	// as in 64:ff9b::/96. Default: none.
	NAT64 []string `json:"nat64,omitempty"`

	// File that keeps decisions over a restart, or "off". Placeholders are replaced.
	// Only one server at a time writes it. Default: tocsin-ID.snap in Caddy's data
	// folder, where ID is a hash of the sources and the other settings of the state, so
	// that servers with the same folder use different files.
	Snapshot string `json:"snapshot,omitempty"`

	// Names of the sources that get alerts: communities, and Local APIs with a machine.
	// Default: none.
	Report []string `json:"report,omitempty" option:"-"`

	// What alerts contain of requests besides time, method, path, status and user agent:
	// "query" and "host". Default: neither.
	Context []string `json:"context,omitempty" option:"query|host,-"`

	// The local decisions after alerts.
	Local Local `json:"local,omitzero"`

	// The verification of crawlers, which get no decisions after alerts.
	Crawlers Crawlers `json:"crawlers,omitzero"`

	// The action for decisions of an unknown type: ban, captcha or throttle. Default:
	// ban.
	Fallback string `json:"fallback,omitempty" option:"ban|captcha|throttle"`

	sources guests // of SourcesRaw, resolved
}

// switches are words that must not be names of files.
var switches = []string{"on", "yes", "true", "no", "none", "false"}

// load returns s ready for an engine: with loaded sources, defaults, replaced
// placeholders and keys. The result contains secrets.
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
			return State{}, fmt.Errorf("snapshot: %q: want the path of a file, or off (default: a file in Caddy's data folder)", s.Snapshot)
		}
	}
	return s, nil
}

// nat64 returns the prefixes of the translators.
func (s State) nat64() (*lookup.NAT64, error) {
	prefixes := make([]netip.Prefix, len(s.NAT64))
	for i, v := range s.NAT64 {
		p, err := netip.ParsePrefix(v)
		if err != nil {
			return nil, fmt.Errorf("nat64: %.64q is not a prefix: want one such as 2001:db8:64::/96", v)
		}
		prefixes[i] = p
	}
	n, err := lookup.NewNAT64(prefixes...)
	if err != nil {
		return nil, fmt.Errorf("nat64: %w", err)
	}
	return n, nil
}

// key returns a hash of all of s, and of the files of its sources.
func (s State) key() (string, error) {
	s.SourcesRaw = nil
	return identity(s, s.sources.modules()...)
}

package caddymodule

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

// State is what an engine is made from, and all of it is the engine's identity:
// configs with the same State share an engine, one after the other. What says
// what to do with decisions does not belong here.
type State struct {
	// CrowdSec Local APIs to follow. Default: none.
	LAPI []LAPI `json:"lapi,omitempty"`

	// Texts with addresses and ranges, in files and on servers. Default: none.
	Blocklists []Blocklist `json:"blocklists,omitempty"`

	// Databases in the MaxMind DB format that say where an address is, for
	// decisions about countries and autonomous systems, and for what CrowdSec is told
	// of a client. They are read again when they change. Placeholders are replaced. Default: none, and such decisions
	// are not enforced.
	GeoIP []string `json:"geoip,omitempty"`

	// Prefixes of local translators of IPv4 to IPv6 (NAT64, SIIT), of 32, 40, 48, 56, 64
	// or 96 bits: clients with addresses in them count as the IPv4 addresses that these
	// have in them, as those in 64:ff9b::/96 always do. Default: none.
	NAT64 []string `json:"nat64,omitempty"`

	// File that carries decisions over a restart, or "off". Placeholders are
	// replaced. One server at a time writes it. Default: a file in Caddy's data
	// folder, tocsin-ID.snap, where ID stands for this State, so that servers which
	// share the folder have one each.
	Snapshot string `json:"snapshot,omitempty"`

	// Names of the Local APIs that are told of alerts. Each needs a machine.
	// Default: none.
	Report []string `json:"report,omitempty"`

	// What these are told of requests beside time, method, path, status and user
	// agent: "query" and "host". Default: nothing.
	Context []string `json:"context,omitempty" option:"query|host"`

	// What is decided here when a scenario alerts.
	Local Local `json:"local,omitzero"`

	// Crawlers that scenarios bring no decision on, once their addresses are
	// verified.
	Crawlers Crawlers `json:"crawlers,omitzero"`

	// What a decision of a type that is not known asks for: ban, captcha or
	// throttle. Default: ban.
	Fallback string `json:"fallback,omitempty" option:"ban|captcha|throttle"`
}

// switches are words that mean yes or no, and never a file.
var switches = []string{"on", "yes", "true", "no", "none", "false"}

// resolve returns s as engines are made from it: with defaults filled in,
// placeholders replaced and keys read. The result holds secrets. s stays as the
// user wrote it.
func (s State) resolve(repl *caddy.Replacer) (State, error) {
	s.LAPI, s.Blocklists = slices.Clone(s.LAPI), slices.Clone(s.Blocklists)
	for i := range s.LAPI {
		if err := s.LAPI[i].resolve(repl, i); err != nil {
			return State{}, fmt.Errorf("lapi %d: %w", i+1, err)
		}
	}
	for i := range s.Blocklists {
		if err := s.Blocklists[i].resolve(repl); err != nil {
			return State{}, fmt.Errorf("blocklist %d: %w", i+1, err)
		}
	}
	var err error
	if s.GeoIP, err = replacePaths(repl, s.GeoIP); err != nil {
		return State{}, fmt.Errorf("geoip: %w", err)
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

// replace replaces the placeholders in fields. One that is unknown or empty is
// an error: half a key or URL would only fail later, and elsewhere. Errors name
// the field and the placeholder, never a value.
func replace(repl *caddy.Replacer, fields map[string]*string) error {
	for name, p := range fields {
		v, err := repl.ReplaceOrErr(*p, true, true)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*p = v
	}
	return nil
}

// replacePaths returns paths with their placeholders replaced, as absolute ones.
func replacePaths(repl *caddy.Replacer, paths []string) ([]string, error) {
	var all []string
	for _, p := range paths {
		p, err := repl.ReplaceOrErr(p, true, true)
		if err != nil {
			return nil, err
		}
		if isURL, err := lists.IsURL(p); isURL || err != nil {
			return nil, fmt.Errorf("%.64q: want the path of a file, not a URL", p)
		}
		if p, err = filepath.Abs(p); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// key returns what tells s from any other State: a hash over the whole of it,
// and over the authorities that it names, which are read only once. A client's
// certificate is read anew for each connection, and may be renewed under it.
func (s State) key() (string, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("hashing state: %w", err)
	}
	h := sha256.New()
	h.Write(text)
	for _, l := range s.LAPI {
		if l.TLSCA == "" {
			continue
		}
		pem, err := readFile(l.TLSCA, maxSecret)
		if err != nil {
			return "", fmt.Errorf("tls: %w", err)
		}
		fmt.Fprintf(h, "%d:%s", len(pem), pem)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

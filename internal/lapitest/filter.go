package lapitest

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A filter has the conditions in the query of a request. Names and meanings are those of
// CrowdSec's pkg/database/decisionfilter.go. Unknown ones are ignored there too.
type filter struct {
	scopes          []string // nil: any
	origins         []string // nil: any
	scenario        string   // "": any
	typ, value      string   // "": any
	containing      []string // scenarios, as substrings in any case; nil: any
	notContaining   []string
	prefix          netip.Prefix // not valid: any
	within          bool         // rows inside prefix, not around it
	simulated       bool         // also those
	includeShadowed bool         // also rows behind one that ends later
}

func parseFilter(q url.Values, gen Generation) (filter, error) {
	f := filter{
		scopes:        list(q.Get("scopes")),
		origins:       list(q.Get("origins")),
		typ:           q.Get("type"),
		value:         q.Get("value"),
		containing:    list(strings.ToLower(q.Get("scenarios_containing"))),
		notContaining: list(strings.ToLower(q.Get("scenarios_not_containing"))),
		simulated:     q.Has("simulated") && q.Get("simulated") != "false",
		// Exactly false: anything else leaves the hiding on.
		includeShadowed: q.Get("dedup") == "false",
	}
	for i, s := range f.scopes {
		f.scopes[i] = canonicalScope(s)
	}
	if q.Has("contains") {
		contains, err := strconv.ParseBool(q.Get("contains"))
		if err != nil {
			return f, fmt.Errorf("invalid contains value%s: %w: invalid filter", blank(gen), err)
		}
		f.within = !contains
	}
	if arg := cmp.Or(q.Get("ip"), q.Get("range")); arg != "" {
		p, ok := parsePrefix(arg)
		if !ok {
			return f, invalidAddress(gen, arg)
		}
		f.prefix = p
	}
	if gen != Old && q.Get("scope") != "" {
		f.narrowScope(canonicalScope(q.Get("scope")))
	}
	return f, nil
}

// blank is what generation Old has before the colon of some errors.
func blank(gen Generation) string {
	if gen == Old {
		return " "
	}
	return ""
}

func invalidAddress(gen Generation, arg string) error {
	why := "invalid address"
	if gen != Old {
		why = fmt.Sprintf("invalid ip address '%s'", arg)
	}
	return fmt.Errorf("unable to convert '%s' to int: %s: invalid ip address / range", arg, why)
}

// narrowScope adds the condition scope=s to the conditions in scopes.
func (f *filter) narrowScope(s string) {
	if f.scopes != nil && !slices.Contains(f.scopes, s) {
		s = "\x00" // no row has it
	}
	f.scopes = []string{s}
}

func (f *filter) match(r *row) bool {
	switch {
	case r.Simulated && !f.simulated,
		f.scopes != nil && !slices.Contains(f.scopes, r.Scope),
		f.origins != nil && !slices.Contains(f.origins, r.Origin),
		f.scenario != "" && r.Scenario != f.scenario,
		f.typ != "" && r.Type != f.typ,
		f.value != "" && r.Value != f.value,
		f.containing != nil && !containsAny(r.Scenario, f.containing),
		containsAny(r.Scenario, f.notContaining):
		return false
	}
	return !f.prefix.IsValid() || f.matchPrefix(r.Value)
}

func (f *filter) matchPrefix(value string) bool {
	p, ok := parsePrefix(value)
	if !ok {
		return false
	}
	outer, inner := p, f.prefix
	if f.within {
		outer, inner = inner, outer
	}
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// list splits a comma list; the empty string is no list.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func canonicalScope(s string) string {
	for _, c := range []string{"Ip", "Range", "Country", "AS"} {
		if strings.EqualFold(s, c) {
			return c
		}
	}
	return s
}

func containsAny(scenario string, parts []string) bool {
	scenario = strings.ToLower(scenario)
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(scenario, p) })
}

func parsePrefix(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err == nil
}

// inForceLocked returns the rows in force at now that were created after since and that
// match f.
func (h *Handler) inForceLocked(f filter, since, now time.Time) []row {
	return h.selectLocked(f, func(r *row) bool { return r.until.After(now) && r.createdAt.After(since) })
}

// askedLocked returns the rows in force at now that match f, in the order of an answer to a
// query: SQLite finds them by their end, and CrowdSec sorts only the stream.
func (h *Handler) askedLocked(f filter, now time.Time) []row {
	f.includeShadowed = true
	out := h.inForceLocked(f, time.Time{}, now)
	slices.SortStableFunc(out, func(a, b row) int { return a.until.Compare(b.until) })
	return out
}

// selectLocked returns copies of the rows that match f and want, in the order in which the
// server sends them.
func (h *Handler) selectLocked(f filter, want func(*row) bool) []row {
	latest := make(map[identity]time.Time)
	if !f.includeShadowed {
		// All rows count here, whatever their origin and whether they are in
		// force: the server compares before it filters.
		for _, r := range h.rows {
			if r.until.After(latest[r.identity()]) {
				latest[r.identity()] = r.until
			}
		}
	}
	var out []row
	for _, r := range h.rows {
		shadowed := latest[r.identity()].After(r.until)
		if !shadowed && want(r) && f.match(r) {
			out = append(out, *r)
		}
	}
	if h.gen != Old {
		slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.ID, b.ID) })
		return out
	}
	slices.SortStableFunc(out, func(a, b row) int { return a.until.Compare(b.until) })
	if !f.includeShadowed {
		out = dropTwins(out)
	}
	return out
}

// dropTwins keeps only one of several rows with the same identity and the same end.
// Generation Old does this; New sends them all.
func dropTwins(rows []row) []row {
	seen := make(map[identity]bool, len(rows))
	return slices.DeleteFunc(rows, func(r row) bool {
		twin := seen[r.identity()]
		seen[r.identity()] = true
		return twin
	})
}

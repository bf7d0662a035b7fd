package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

// A filter has the conditions in the query of a request to the Local API. Names and meanings
// are those of CrowdSec, which also ignores unknown ones.
type filter struct {
	scopes        []string // nil: any
	origins       []string // nil: any
	typ, value    string   // "": any
	containing    []string // parts of scenarios, in lower case; nil: any
	notContaining []string
	prefix        netip.Prefix // not valid: any
	within        bool         // decisions inside the prefix, not around it
}

// maxWanted is the limit of parts in a list of a query: each is compared with each entry.
const maxWanted = 32

// parseFilter reads the conditions. A stream has addresses and ranges by default.
func parseFilter(q url.Values, stream bool) (filter, error) {
	for _, name := range []string{"scopes", "origins", "scenarios_containing", "scenarios_not_containing"} {
		if strings.Count(q.Get(name), ",") >= maxWanted {
			return filter{}, refusal{code: http.StatusBadRequest, message: fmt.Sprintf("%s has more than %d parts", name, maxWanted)}
		}
	}
	f := filter{
		scopes:        list(strings.ToLower(q.Get("scopes"))),
		origins:       list(q.Get("origins")),
		typ:           q.Get("type"),
		value:         q.Get("value"),
		containing:    list(strings.ToLower(q.Get("scenarios_containing"))),
		notContaining: list(strings.ToLower(q.Get("scenarios_not_containing"))),
	}
	if stream && !q.Has("scopes") {
		f.scopes = []string{"ip", "range"}
	}
	if scope := strings.ToLower(q.Get("scope")); scope != "" {
		if f.scopes != nil && !slices.Contains(f.scopes, scope) {
			scope = "none" // no decision meets both conditions
		}
		f.scopes = []string{scope}
	}
	if q.Has("contains") {
		contains, err := strconv.ParseBool(q.Get("contains"))
		if err != nil {
			return f, refusal{code: http.StatusBadRequest, message: "contains is neither true nor false"}
		}
		f.within = !contains
	}
	if arg := cmp.Or(q.Get("ip"), q.Get("range")); arg != "" {
		p, err := lookup.ParsePrefix(arg)
		if err != nil {
			return f, refusal{code: http.StatusBadRequest, message: "ip or range is neither an address nor a range"}
		}
		f.prefix = p
	}
	return f, nil
}

// list splits a comma-separated list; it returns nil for an empty string.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// all reports whether f accepts all decisions of a community.
func (f *filter) all() bool {
	ours := func(want []string, have ...string) bool {
		return want == nil || !slices.ContainsFunc(have, func(s string) bool { return !slices.Contains(want, s) })
	}
	return ours(f.scopes, "ip", "range") && ours(f.origins, ourOrigin) &&
		f.typ == "" && f.value == "" && f.containing == nil && f.notContaining == nil && !f.prefix.IsValid()
}

// match reports whether f accepts a decision in force.
func (f *filter) match(d *decision) bool {
	scenario := strings.ToLower(d.scenario)
	part := func(s string) bool { return strings.Contains(scenario, s) }
	return f.matchEnd(d) &&
		(f.containing == nil || slices.ContainsFunc(f.containing, part)) &&
		!slices.ContainsFunc(f.notContaining, part)
}

// matchEnd reports whether f accepts the end of a decision. The scenario that the reader got
// with the decision is no longer known.
func (f *filter) matchEnd(d *decision) bool {
	switch {
	case f.scopes != nil && !slices.Contains(f.scopes, strings.ToLower(scopeOf(d.unit))),
		f.origins != nil && !slices.Contains(f.origins, d.origin),
		f.typ != "" && f.typ != d.as.String(),
		f.value != "" && f.value != consensus.UnitText(d.unit):
		return false
	}
	return !f.prefix.IsValid() || f.matchPrefix(d.unit)
}

func (f *filter) matchPrefix(unit netip.Prefix) bool {
	outer, inner := unit, f.prefix
	if f.within {
		outer, inner = inner, outer
	}
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

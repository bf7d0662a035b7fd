package lapi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/wire"
)

// A filter selects decisions by origin and scenario. It runs here and not at the
// server: the server first merges all decisions about a value into the longest one, so
// its filter would hide a ban if an unwanted row lasts longer.
type filter struct {
	origins       []string // "lists:NAME" is one list; nil: all
	containing    []string // in lower case; nil: all
	notContaining []string // in lower case
	setting       bool     // whether there is any condition
}

func newFilter(origins, containing, notContaining []string) filter {
	return filter{
		origins: origins, containing: lower(containing), notContaining: lower(notContaining),
		setting: len(origins)+len(containing)+len(notContaining) > 0,
	}
}

func checkFilter(options ...[]string) error {
	for _, words := range options {
		if slices.Contains(words, "") {
			return fmt.Errorf("filter %q: a word is empty: remove it", words)
		}
	}
	return nil
}

func lower(words []string) []string {
	var all []string
	for _, w := range words {
		all = append(all, strings.ToLower(w))
	}
	return all
}

// match reports whether f selects r. Origin is that of r, with the name of a list in
// it.
func (f *filter) match(r *wire.Row, origin string) bool {
	if !f.setting {
		return true
	}
	if len(f.origins) > 0 && !slices.Contains(f.origins, r.Origin) && !slices.Contains(f.origins, origin) {
		return false
	}
	scenario := r.Scenario
	if len(f.containing)+len(f.notContaining) > 0 {
		scenario = strings.ToLower(scenario)
	}
	has := func(word string) bool { return strings.Contains(scenario, word) }
	return (len(f.containing) == 0 || slices.ContainsFunc(f.containing, has)) && !slices.ContainsFunc(f.notContaining, has)
}

package waf

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A compiler makes rules of files. What rules have in common they share: a condition, a
// chain of transforms.
type compiler struct {
	rules  *Rules
	data   string
	chains map[string]int
	conds  map[string]*condition
	note   func(name string, content []byte) // is told of lists that were read
}

func newCompiler(data string) *compiler {
	return &compiler{
		rules: &Rules{chains: [][]transform{nil}, toFind: [][]transform{{}}}, data: data,
		chains: map[string]int{"": 0}, conds: map[string]*condition{}, note: func(string, []byte) {},
	}
}

// file compiles what a file asks, unless any of it cannot run.
func (c *compiler) file(f ruleFile) error {
	var all [][]*condition
	for i := range f.doc.Rules {
		groups, err := c.groups(&f.doc.Rules[i], true)
		if err != nil {
			return err
		}
		all = append(all, groups...)
	}
	if len(all) == 0 {
		return nil
	}
	number := len(c.rules.rules)
	sure := f.confidence()
	c.rules.rules = append(c.rules.rules, Rule{
		Name: f.doc.Name, Description: f.doc.Description, File: f.path, OutOfBand: sure == Observe, Confidence: sure,
		Hash: f.hash, Version: f.version, number: number, told: f.doc.Labels["confidence"] == Observe.String(),
	})
	for _, conds := range all {
		g := group{rule: number}
		for _, cond := range conds {
			if n := c.number(cond); !slices.Contains(g.conds, n) {
				g.conds = append(g.conds, n)
			}
		}
		c.rules.groups = append(c.rules.groups, g)
	}
	return nil
}

// share returns the condition that asks the same, if there is one.
func (c *compiler) share(cond *condition) *condition {
	var key strings.Builder
	for _, t := range cond.tests {
		fmt.Fprintf(&key, "%d %q %q %v %d %v %q\n", t.zone, t.name, t.patternText(), t.count, t.chain, t.not, t.op.key)
	}
	if same, ok := c.conds[key.String()]; ok {
		return same
	}
	cond.key, cond.number = key.String(), -1
	cond.cost = costOf(cond)
	c.conds[cond.key] = cond
	return cond
}

func (t *test) patternText() string {
	if t.pattern == nil {
		return ""
	}
	return t.pattern.re.String()
}

// number returns the number of a condition that is needed.
func (c *compiler) number(cond *condition) int {
	if cond.number < 0 {
		cond.number = len(c.rules.conds)
		c.rules.conds = append(c.rules.conds, cond)
	}
	return cond.number
}

// costOf tells conditions that are cheap to ask, or seldom met, from others.
func costOf(cond *condition) int {
	cost := 0
	for _, t := range cond.tests {
		one := 2
		switch {
		case t.zone == zoneMethod, t.zone == zoneProtocol:
			one = 1
		case t.name != "" && !t.count:
			one = 0
		case t.zone.isBody():
			one = 4
		}
		if t.op.kind.isInjection() {
			one += 5
		}
		if t.op.kind == opRegex {
			one++
		}
		cost = max(cost, one)
	}
	return cost
}

// wordsOf reads a list of words: one a line, but for comments, to be found in any case of
// ASCII letters.
func (c *compiler) wordsOf(name string) (*search.Automaton, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("%s is not below the data folder", name)
	}
	content, err := os.ReadFile(filepath.Join(c.data, name))
	if err != nil {
		return nil, fmt.Errorf("reading a list: %w", err)
	}
	c.note(name, content)
	var words []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			words = append(words, string(toLowerASCII(&room{}, []byte(line))))
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s has no words", name)
	}
	return search.New(words, false), nil
}

// finish makes the index.
func (c *compiler) finish() *Rules {
	r := c.rules
	for i := range r.groups {
		slices.SortStableFunc(r.groups[i].conds, func(a, b int) int { return r.conds[a].cost - r.conds[b].cost })
	}
	names := map[string]bool{}
	for _, cond := range r.conds {
		for _, t := range cond.tests {
			switch {
			case t.zone == zoneBodyArgs || t.zone == zoneBodyArgsNames:
				r.inBody.add(t.name)
			case t.zone != zoneHeaders:
			case t.name == "":
				r.wide = true
			case !names[t.name]:
				names[t.name] = true
				r.headers = append(r.headers, http.CanonicalHeaderKey(t.name))
			}
		}
	}
	r.makeIndex()
	r.inspections.New = func() any { return newInspection(r) }
	return r
}

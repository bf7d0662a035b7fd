package waf

import (
	"errors"
	"slices"
	"strings"
)

// maxProduct bounds the groups that and makes of what or says, as CrowdSec's engine does.
const maxProduct = 50

// groups returns the groups of conditions that meet a node: all conditions of one have to
// be met. At the top a condition without a value is an error, whatever it asks.
func (c *compiler) groups(n *node, top bool) ([][]*condition, error) {
	var factors [][][]*condition
	if n.isCondition() {
		cond, err := c.condition(n, top)
		if err != nil {
			return nil, err
		}
		factors = append(factors, [][]*condition{{cond}})
	}
	if n.And != nil && len(n.And) == 0 || n.Or != nil && len(n.Or) == 0 {
		return nil, errors.New("and, or: want one condition at least")
	}
	for i := range n.And {
		groups, err := c.groups(&n.And[i], false)
		if err != nil {
			return nil, err
		}
		factors = append(factors, groups)
	}
	var any [][]*condition
	for i := range n.Or {
		groups, err := c.groups(&n.Or[i], false)
		if err != nil {
			return nil, err
		}
		any = append(any, groups...)
	}
	if any != nil {
		factors = append(factors, any)
	}
	return product(factors)
}

// isCondition reports whether a node asks something itself, or should.
func (n *node) isCondition() bool {
	return len(n.Zones) > 0 || n.Match.Type.text != "" || n.And == nil && n.Or == nil
}

// product returns each way to take a group of each factor.
func product(factors [][][]*condition) ([][]*condition, error) {
	all := factors[0]
	for _, groups := range factors[1:] {
		if len(all)*len(groups) > maxProduct {
			return nil, errors.New("and, or: they make more than 50 groups of conditions")
		}
		var next [][]*condition
		for _, a := range all {
			for _, b := range groups {
				next = append(next, slices.Concat(a, b))
			}
		}
		all = next
	}
	return all, nil
}

// A condition is met if any of its tests is.
type condition struct {
	key        string // two conditions with the same key are the same
	number     int
	tests      []test
	head, body bool // it looks at zones of the head, of the body
	cost       int
}

// A test asks the values of a zone, or some of them.
type test struct {
	zone    zone
	name    string      // only values of this name, in lower case; empty: see pattern
	counted string      // what alerts call the values of the name
	pattern *expression // only values whose name matches in lower case; nil: of any name
	count   bool        // it asks how many there are instead
	chain   int         // of transforms
	op      *operator
	not     bool
}

var bodyTypes = []string{"", "json", "xml", "multipart", "urlencoded"}

// condition compiles what a node itself asks.
func (c *compiler) condition(n *node, top bool) (*condition, error) {
	if len(n.Zones) == 0 {
		return nil, errorAt(n.Match.Type.line, "zones: there are none")
	}
	if !slices.Contains(bodyTypes, n.BodyType.text) {
		return nil, newerAt(n.BodyType.line, "its body_type is %s", n.BodyType.text)
	}
	op, err := c.operator(&n.Match, top)
	if err != nil {
		return nil, err
	}
	chain, count, err := c.chain(n.Transform)
	if err != nil {
		return nil, err
	}
	cond := &condition{}
	for _, w := range n.Zones {
		z, known := zoneNamed(w.text)
		if !known {
			return nil, newerAt(w.line, "it has the zone %s", w.text)
		}
		base := test{zone: z, chain: chain, op: op, not: n.Match.Not}
		tests, err := selected(base, n.Variables, count)
		if err != nil {
			return nil, err
		}
		cond.tests = append(cond.tests, tests...)
		cond.head = cond.head || !z.isBody()
		cond.body = cond.body || z.isBody()
	}
	return c.share(cond), nil
}

// selected returns a test for each of the variables, or base if there are none. Only
// values with a name can be counted: without variables, count has no effect.
func selected(base test, variables []word, count bool) ([]test, error) {
	if len(variables) == 0 {
		return []test{base}, nil
	}
	var tests []test
	for _, v := range variables {
		if !zoneInfos[base.zone].named {
			return nil, errorAt(v.line, "variables: the values of %s have no names", zoneInfos[base.zone].name)
		}
		t := base
		t.count, t.counted = count, v.text
		if !t.zone.isArgs() {
			t.counted = strings.ToLower(v.text)
		}
		if err := t.selectBy(v); err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// selectBy has a test ask for values by their name, which is a regular expression between
// slashes perhaps.
func (t *test) selectBy(v word) error {
	if len(v.text) < 2 || v.text[0] != '/' || v.text[len(v.text)-1] != '/' {
		if v.text == "" || strings.ContainsAny(v.text, "/|") {
			return errorAt(v.line, "variables: want a name without / and |, not %q", v.text)
		}
		t.name = strings.ToLower(v.text)
		return nil
	}
	pattern := v.text[1 : len(v.text)-1]
	if !t.zone.isArgs() { // names of others have no case, so patterns have none
		pattern = strings.ToLower(pattern)
	}
	re, err := compileExpression(pattern)
	if err != nil {
		return errorAt(v.line, "variables: %w", err)
	}
	t.pattern = re
	return nil
}

// chain returns the number of a chain of transforms, and whether it counts first.
func (c *compiler) chain(names []word) (number int, count bool, err error) {
	var all, toFind []transform
	var key strings.Builder
	piecewise := true
	for _, w := range names {
		if w.text == "count" {
			count = true
			continue
		}
		t, known := transforms[w.text]
		if !known {
			return 0, false, newerAt(w.line, "it has the transform %s", w.text)
		}
		all, toFind = append(all, t), append(toFind, t)
		if w.text == "lowercase" {
			toFind[len(toFind)-1] = lowerToFind
		}
		piecewise = piecewise && (w.text == "lowercase" || w.text == "urldecode")
		key.WriteString(strings.ReplaceAll(w.text, "_", "") + " ")
	}
	number, known := c.chains[key.String()]
	if !known {
		number = len(c.rules.chains)
		c.chains[key.String()] = number
		if !piecewise {
			toFind = nil
		}
		c.rules.chains, c.rules.toFind = append(c.rules.chains, all), append(c.rules.toFind, toFind)
	}
	return number, count, nil
}

package detect

import (
	"slices"
	"strconv"
	"strings"
)

// The approximate costs of conditions in nanoseconds. If several conditions must all be
// true, the cheapest runs first.
const (
	costField     = 3
	costSearch    = 20
	costTransform = 60
	costList      = 150
	costRegexp    = 500
	costInterpret = 5000
)

// A cond is a condition compiled to Go.
//
// A condition that cannot be evaluated, for example because a text is not a number, sets
// view.failed. The filter that contains it then does not match, so the order of conditions
// matters.
type cond struct {
	op   condOp
	kids []*cond // operands of and, or, not
	eval func(*view) bool
	key  string // two conditions with the same key are the same
	deps fieldSet
	need need
	cost int
	slot int // where its value is kept during a phase, from 1 on; only for plain conditions

	match *match // the words it looks for in a text, if any

	fresh  bool // its inputs may change within a phase
	effect bool // it has a side effect: do not evaluate it unless necessary
	fails  bool // it may fail
}

type condOp uint8

const (
	opLeaf condOp = iota
	opAnd
	opOr
	opNot
	opTrue
	opFalse
)

var (
	always = &cond{op: opTrue, key: "true", eval: func(*view) bool { return true }}
	never  = &cond{op: opFalse, key: "false", eval: func(*view) bool { return false }}
)

func fixedCond(b bool) *cond {
	if b {
		return always
	}
	return never
}

func (c *cond) fixed() bool { return c.op == opTrue || c.op == opFalse }

// plain reports whether c can be evaluated at any time and any number of times.
func (c *cond) plain() bool { return !c.effect && !c.fails && !c.fresh }

// test reports whether the event meets the condition.
func (c *cond) test(v *view) bool {
	if c.slot == 0 {
		return c.eval(v)
	}
	m := &v.conds[c.slot-1]
	if m.gen != v.gen {
		m.gen, m.ok = v.gen, c.eval(v)
	}
	return m.ok
}

// leaf returns a condition that depends on texts.
func leaf(key string, cost int, eval func(*view) bool, on ...*text) *cond {
	c := &cond{key: key, cost: cost, eval: eval}
	for _, t := range on {
		c.deps |= t.deps
		c.cost += t.cost
		c.fresh = c.fresh || t.fresh
	}
	return c
}

// combine returns a condition that depends on other conditions.
func combine(op condOp, sign string, kids []*cond) *cond {
	c := &cond{op: op, kids: kids}
	keys := make([]string, len(kids))
	for i, k := range kids {
		keys[i] = k.key
		c.deps |= k.deps
		c.cost += k.cost
		c.fresh = c.fresh || k.fresh
		c.effect = c.effect || k.effect
		c.fails = c.fails || k.fails
	}
	c.key = "(" + strings.Join(keys, sign) + ")"
	return c
}

// and returns the condition that all of conds are true. The cheapest is evaluated first,
// unless the order matters.
func and(conds ...*cond) *cond {
	var kids []*cond
	for _, c := range conds {
		switch c.op {
		case opFalse:
			if harmless(kids) {
				return never
			}
			kids = append(kids, c)
		case opTrue:
		case opAnd:
			kids = append(kids, c.kids...)
		default:
			kids = append(kids, c)
		}
	}
	kids = distinctConds(kids)
	switch len(kids) {
	case 0:
		return always
	case 1:
		return kids[0]
	}
	if harmless(kids) {
		slices.SortStableFunc(kids, func(a, b *cond) int { return a.cost - b.cost })
	}
	return all(kids)
}

// harmless reports whether conds can be evaluated in any order, or not at all.
func harmless(conds []*cond) bool {
	return !slices.ContainsFunc(conds, func(c *cond) bool { return !c.plain() })
}

// all returns the condition that all of conds are true, evaluated in this order.
func all(kids []*cond) *cond {
	c := combine(opAnd, " && ", kids)
	for _, k := range kids {
		c.need = better(c.need, k.need)
	}
	c.eval = func(v *view) bool {
		for _, k := range kids {
			if !k.test(v) {
				return false
			}
		}
		return true
	}
	return c
}

// or returns the condition that at least one of conds is true.
func or(conds ...*cond) *cond {
	var kids []*cond
	for _, c := range conds {
		switch c.op {
		case opTrue:
			if harmless(kids) {
				return always
			}
			kids = append(kids, c)
		case opFalse:
		case opOr:
			kids = append(kids, c.kids...)
		default:
			kids = append(kids, c)
		}
	}
	kids = gather(distinctConds(kids))
	switch len(kids) {
	case 0:
		return never
	case 1:
		return kids[0]
	}
	return some(kids)
}

// some returns the condition that at least one of kids is true, evaluated in this order.
func some(kids []*cond) *cond {
	c := combine(opOr, " || ", kids)
	c.need = kids[0].need
	for _, k := range kids[1:] {
		c.need = either(c.need, k.need)
	}
	c.eval = func(v *view) bool {
		for _, k := range kids {
			if k.test(v) {
				return true
			}
			if v.failed {
				return false
			}
		}
		return false
	}
	return c
}

func not(c *cond) *cond {
	switch c.op {
	case opTrue:
		return never
	case opFalse:
		return always
	case opNot:
		return c.kids[0]
	}
	n := combine(opNot, "", []*cond{c})
	n.key = "!" + c.key
	n.eval = func(v *view) bool { return !c.test(v) }
	return n
}

// ifElse returns the condition that equals yes if c is true, and no otherwise.
func ifElse(c, yes, no *cond) *cond {
	switch {
	case c.op == opTrue:
		return yes
	case c.op == opFalse:
		return no
	case no.op == opFalse:
		return and(c, yes)
	}
	n := combine(opLeaf, " ? ", []*cond{c, yes, no})
	n.kids = nil
	n.eval = func(v *view) bool {
		if c.test(v) {
			return yes.test(v)
		}
		return no.test(v)
	}
	return n
}

// distinctConds removes duplicates.
func distinctConds(conds []*cond) []*cond {
	seen := make(map[string]bool, len(conds))
	return slices.DeleteFunc(conds, func(c *cond) bool {
		twice := seen[c.key] && c.plain()
		seen[c.key] = true
		return twice
	})
}

// early returns a condition that is true for every event that may still meet c, as far as
// this can be known before the response.
func (c *cond) early() *cond {
	switch {
	case c.deps&lateFields == 0 && !c.fresh:
		return c
	case c.op != opAnd && c.op != opOr:
		return always
	}
	kids := make([]*cond, len(c.kids))
	for i, k := range c.kids {
		kids[i] = k.early()
	}
	if c.op == opAnd {
		return and(kids...)
	}
	return or(kids...)
}

func quote(s string) string { return strconv.Quote(s) }

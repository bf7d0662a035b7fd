package detect

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// filter compiles a filter. The interpreter evaluates the parts of unknown form, after all
// cheaper conditions that must also be true.
func (c *compiler) filter(e *expression) *cond {
	tree := e.tree()
	if whole := c.cond(tree, nil); whole != nil {
		return sorted(whole)
	}
	var known []*cond
	for _, n := range conjuncts(tree) {
		if k := c.cond(n, nil); k != nil && !k.effect {
			known = append(known, k)
		}
	}
	rest := &cond{
		key: e.source, cost: costInterpret, deps: e.deps, eval: interpret(e.program()),
		fails: true, effect: true, fresh: len(e.reads) > 0,
	}
	return sorted(all(append(known, rest)))
}

// sorted returns a filter that evaluates the cheapest of its required conditions first. The
// result is the same whether a condition fails or is false, but conditions with a side
// effect come last.
func sorted(filter *cond) *cond {
	if filter.op != opAnd {
		return filter
	}
	kids := slices.Clone(filter.kids)
	if i := slices.IndexFunc(kids, func(k *cond) bool { return k.op == opFalse }); i >= 0 {
		return never
	}
	slices.SortStableFunc(kids, func(a, b *cond) int {
		switch {
		case a.effect && b.effect:
			return 0
		case a.effect:
			return 1
		case b.effect:
			return -1
		}
		return a.cost - b.cost
	})
	return all(kids)
}

// conjuncts returns the conditions that must all be true for n to be true.
func conjuncts(n ast.Node) []ast.Node {
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "and" || b.Operator == "&&") {
		return append(conjuncts(b.Left), conjuncts(b.Right)...)
	}
	return []ast.Node{n}
}

// share returns one condition for all that are equal to new.
func (c *compiler) share(new *cond) *cond {
	if new.fixed() || !new.plain() {
		return new
	}
	old := c.conds[new.key]
	if old == nil {
		c.conds[new.key] = new
		return new
	}
	if old.slot == 0 && old.cost >= costSearch {
		c.slots.conds++
		old.slot = c.slots.conds
	}
	return old
}

// shareText is share for texts. The values of slow texts are kept.
func (c *compiler) shareText(new *text, dear bool) *text {
	if new.fixed || new.fresh {
		return new
	}
	if old := c.texts[new.key]; old != nil {
		return old
	}
	if dear {
		c.slots.texts++
		new.slot = c.slots.texts
	}
	c.texts[new.key] = new
	return new
}

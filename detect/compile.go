package detect

import (
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A compiler translates expressions to Go functions, if it knows their form. The interpreter
// runs the others. Most filters only look up, compare and search fields. The interpreter
// needs a microsecond for that, and Go needs nanoseconds.
type compiler struct {
	lists    *lists
	group    bool            // Meta.source_ip is the client to act on, not the sender
	set      map[string]bool // the keys that SetMeta sets, in any filter
	findings bool            // the scenario asks for events of findings

	texts map[string]*text // by key, so that each text is computed once
	conds map[string]*cond
	slots struct{ texts, conds int }
}

func newCompiler(l *lists) *compiler {
	return &compiler{lists: l, set: make(map[string]bool), texts: make(map[string]*text), conds: make(map[string]*cond)}
}

// A scope maps names to their meaning: a *text or a *cond. The current element of a list has
// the name "#".
type scope struct {
	outer *scope
	name  string
	value any
}

func (s *scope) find(name string) any {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s.value
		}
	}
	return nil
}

// cond compiles a condition. It returns nil if it does not know the condition's form.
func (c *compiler) cond(n ast.Node, s *scope) *cond {
	switch n := n.(type) {
	case *ast.BoolNode:
		return fixedCond(n.Value)
	case *ast.UnaryNode:
		return c.unary(n, s)
	case *ast.BinaryNode:
		return c.binary(n, s)
	case *ast.ConditionalNode:
		return c.conditional(n, s)
	case *ast.VariableDeclaratorNode:
		if inner := c.declare(n, s); inner != nil {
			return c.cond(n.Expr, inner)
		}
	case *ast.IdentifierNode:
		known, _ := s.find(n.Value).(*cond)
		return known
	case *ast.CallNode:
		return c.call(n, s)
	case *ast.BuiltinNode:
		return c.any(n, s)
	case *ast.SequenceNode:
		if len(n.Nodes) == 1 {
			return c.cond(n.Nodes[0], s)
		}
	}
	return nil
}

func (c *compiler) unary(n *ast.UnaryNode, s *scope) *cond {
	if kid := c.cond(n.Node, s); kid != nil && (n.Operator == "not" || n.Operator == "!") {
		return not(kid)
	}
	return nil
}

func (c *compiler) conditional(n *ast.ConditionalNode, s *scope) *cond {
	test, yes, no := c.cond(n.Cond, s), c.cond(n.Exp1, s), c.cond(n.Exp2, s)
	if test == nil || yes == nil || no == nil {
		return nil
	}
	return ifElse(test, yes, no)
}

// declare returns the scope after "let name = value". The value is computed when it is first
// needed. This makes no difference if it cannot fail.
func (c *compiler) declare(n *ast.VariableDeclaratorNode, s *scope) *scope {
	if t := c.text(n.Value, s); t != nil {
		return &scope{s, n.Name, t}
	}
	if v := c.cond(n.Value, s); v != nil && v.plain() {
		return &scope{s, n.Name, v}
	}
	return nil
}

func (c *compiler) binary(n *ast.BinaryNode, s *scope) *cond {
	switch n.Operator {
	case "and", "&&":
		return c.both(n, s, and)
	case "or", "||":
		return c.both(n, s, or)
	case "in":
		return c.in(n, s)
	case "matches":
		return c.matches(n, s)
	case "contains":
		return c.find(n, contains, s)
	case "startsWith":
		return c.find(n, startsWith, s)
	case "endsWith":
		return c.find(n, endsIn, s)
	case "!=":
		if eq := c.equal(n, s); eq != nil {
			return not(eq)
		}
		return c.number(n, s)
	case "==":
		if eq := c.equal(n, s); eq != nil {
			return eq
		}
		return c.number(n, s)
	case "<", "<=", ">", ">=":
		return c.number(n, s)
	}
	return nil
}

func (c *compiler) both(n *ast.BinaryNode, s *scope, join func(...*cond) *cond) *cond {
	left, right := c.cond(n.Left, s), c.cond(n.Right, s)
	if left == nil || right == nil {
		return nil
	}
	return join(left, right)
}

func (c *compiler) equal(n *ast.BinaryNode, s *scope) *cond {
	if _, ok := n.Right.(*ast.NilNode); ok && c.text(n.Left, s) != nil {
		return never // a text is never nil
	}
	a, b := c.text(n.Left, s), c.text(n.Right, s)
	switch {
	case a == nil || b == nil:
		return nil
	case b.fixed:
		return c.share(find(a, equals, b.value))
	case a.fixed:
		return c.share(find(b, equals, a.value))
	}
	return c.share(leaf(a.key+" == "+b.key, costField, func(v *view) bool { return a.of(v) == b.of(v) }, a, b))
}

// find compiles a search for a constant word. For other words compiling brings nothing.
func (c *compiler) find(n *ast.BinaryNode, how matchHow, s *scope) *cond {
	in, word := c.text(n.Left, s), c.text(n.Right, s)
	if in == nil || word == nil || !word.fixed {
		return nil
	}
	return c.share(find(in, how, word.value))
}

func (c *compiler) in(n *ast.BinaryNode, s *scope) *cond {
	array, ok := n.Right.(*ast.ArrayNode)
	t := c.text(n.Left, s)
	if !ok || t == nil {
		return nil
	}
	words := make([]string, len(array.Nodes))
	for i, node := range array.Nodes {
		word := c.text(node, s)
		if word == nil || !word.fixed {
			return nil
		}
		words[i] = word.value
	}
	if len(words) == 0 {
		return never
	}
	return c.share(find(t, equals, words...))
}

func (c *compiler) matches(n *ast.BinaryNode, s *scope) *cond {
	t, pattern := c.text(n.Left, s), c.text(n.Right, s)
	if t == nil || pattern == nil || !pattern.fixed {
		return nil
	}
	r, err := search.Compile(pattern.value)
	if err != nil {
		return nil // the interpreter reports the error when it evaluates the call
	}
	m := leaf(t.key+" matches "+quote(pattern.value), costRegexp, func(v *view) bool { return r.Match(t.of(v)) }, t)
	if re, err := syntax.Parse(pattern.value, syntax.Perl); err == nil {
		m.need = needs(t.hay, search.Required(re, search.AnyCase))
	}
	return c.share(m)
}

// any compiles any(File(name), {condition}).
func (c *compiler) any(n *ast.BuiltinNode, s *scope) *cond {
	if n.Name != "any" || len(n.Arguments) != 2 {
		return nil
	}
	list, ok := n.Arguments[0].(*ast.CallNode)
	if !ok || calleeOf(list) != "File" || len(list.Arguments) != 1 {
		return nil
	}
	name, predicate := c.text(list.Arguments[0], s), predicateOf(n.Arguments[1])
	if name == nil || !name.fixed || predicate == nil {
		return nil
	}
	var kids []*cond
	for _, line := range c.lists.strings[name.value] {
		kid := c.cond(predicate, &scope{s, "#", fixedText(line)})
		if kid == nil {
			return nil
		}
		kids = append(kids, kid)
	}
	return c.share(or(kids...))
}

func predicateOf(n ast.Node) ast.Node {
	if p, ok := n.(*ast.PredicateNode); ok {
		return p.Node
	}
	return nil
}

// calleeOf returns the name of the called function.
func calleeOf(n *ast.CallNode) string {
	if f, ok := n.Callee.(*ast.IdentifierNode); ok {
		return f.Value
	}
	return ""
}

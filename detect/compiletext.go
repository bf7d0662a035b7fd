package detect

import (
	"strconv"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// text compiles an expression whose result is a text. It returns nil if it does not know its
// form, or if the result is something else.
func (c *compiler) text(n ast.Node, s *scope) *text {
	switch n := n.(type) {
	case *ast.StringNode:
		return fixedText(n.Value)
	case *ast.PointerNode:
		return s.text("#" + n.Name)
	case *ast.IdentifierNode:
		return s.text(n.Value)
	case *ast.MemberNode:
		if room, key, ok := member(n); ok {
			return c.field(room, key)
		}
	case *ast.CallNode:
		return c.callText(n, s)
	case *ast.BinaryNode:
		return c.sum(n, s)
	case *ast.ConditionalNode:
		return c.choice(n, s)
	case *ast.SequenceNode:
		if len(n.Nodes) == 1 {
			return c.text(n.Nodes[0], s)
		}
	}
	return nil
}

// text returns the text for a name, if the name stands for one.
func (s *scope) text(name string) *text {
	t, _ := s.find(name).(*text)
	return t
}

func (c *compiler) sum(n *ast.BinaryNode, s *scope) *text {
	if n.Operator != "+" {
		return nil
	}
	a, b := c.text(n.Left, s), c.text(n.Right, s)
	if a == nil || b == nil {
		return nil
	}
	return c.shareText(join(a, b), true)
}

func (c *compiler) choice(n *ast.ConditionalNode, s *scope) *text {
	test, yes, no := c.cond(n.Cond, s), c.text(n.Exp1, s), c.text(n.Exp2, s)
	if test == nil || !test.plain() || yes == nil || no == nil {
		return nil
	}
	return c.shareText(choose(test, yes, no), true)
}

// member splits evt.Meta.key into its parts.
func member(n *ast.MemberNode) (room, key string, ok bool) {
	inner, isMember := n.Node.(*ast.MemberNode)
	if !isMember || n.Method || inner.Method {
		return "", "", false
	}
	evt, isName := inner.Node.(*ast.IdentifierNode)
	first, isFirst := inner.Property.(*ast.StringNode)
	second, isSecond := n.Property.(*ast.StringNode)
	if !isName || evt.Value != "evt" || !isFirst || !isSecond {
		return "", "", false
	}
	return first.Value, second.Value, true
}

func (c *compiler) field(room, key string) *text {
	if room == "Line" {
		return c.lineText(key)
	}
	if room != "Meta" && room != "Parsed" {
		return nil
	}
	f, ok := fieldNamed(room + "." + key)
	switch {
	case !ok && room == "Meta" && c.set[key]:
		return metaText(key)
	case !ok:
		return fixedText("") // no parser sets this field
	case f == fieldService && !c.findings:
		return fixedText(serviceHTTP)
	case f == fieldLogType && !c.findings:
		return fixedText(logTypeHTTP)
	case f == fieldSourceIP && c.group:
		f = fieldGroupIP
	}
	return c.shareText(fieldText(f), fields[f].memo)
}

// arguments compiles the arguments of a call. They must be n texts.
func (c *compiler) arguments(nodes []ast.Node, n int, s *scope) []*text {
	if len(nodes) != n {
		return nil
	}
	texts := make([]*text, n)
	for i, node := range nodes {
		if texts[i] = c.text(node, s); texts[i] == nil {
			return nil
		}
	}
	return texts
}

func (c *compiler) callText(n *ast.CallNode, s *scope) *text {
	name := calleeOf(n)
	if _, ok := transforms[name]; ok {
		if args := c.arguments(n.Arguments, 1, s); args != nil {
			return c.shareText(transform(name, args[0]), true)
		}
		return nil
	}
	args := c.arguments(n.Arguments, 2, s)
	switch {
	case args == nil || !args[1].fixed:
	case name == "JsonExtract" && args[0].fixed:
		return fixedText(jsonExtract(args[0].value, args[1].value))
	case name == "LookupFile" && c.lists.maps[args[1].value] != nil:
		tags := c.lists.maps[args[1].value]
		return c.shareText(&text{
			eval:  func(v *view) string { return tags.lookup(args[0].of(v)) },
			key:   "LookupFile(" + args[0].key + ", " + args[1].key + ")",
			deps:  args[0].deps,
			cost:  args[0].cost + costList,
			fresh: args[0].fresh,
		}, true)
	}
	return nil
}

// call compiles calls whose result is a condition.
func (c *compiler) call(n *ast.CallNode, s *scope) *cond {
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		return c.method(m, n.Arguments, s)
	}
	switch calleeOf(n) {
	case "RegexpInFile":
		return c.regexpInFile(n, s)
	case "Match":
		return c.glob(n, s)
	case "LibInjectionIsSQLI":
		return c.injection(n, isSQLInjection, s)
	case "LibInjectionIsXSS":
		return c.injection(n, isXSS, s)
	}
	return nil
}

func (c *compiler) regexpInFile(n *ast.CallNode, s *scope) *cond {
	args := c.arguments(n.Arguments, 2, s)
	if args == nil || !args[1].fixed {
		return nil
	}
	set := c.lists.regexps[args[1].value]
	if set == nil {
		return nil
	}
	in := args[0]
	m := leaf("RegexpInFile("+in.key+", "+args[1].key+")", costList, func(v *view) bool { return set.match(in.of(v)) }, in)
	if len(set.loose) == 0 {
		m.need = needs(in.hay, set.literals)
	}
	return c.share(m)
}

func (c *compiler) glob(n *ast.CallNode, s *scope) *cond {
	args := c.arguments(n.Arguments, 2, s)
	if args == nil || !args[0].fixed {
		return nil
	}
	g, err := newGlob(args[0].value)
	if err != nil {
		return nil // the interpreter reports the error when it evaluates the call
	}
	in := args[1]
	m := leaf("Match("+args[0].key+", "+in.key+")", costSearch, func(v *view) bool { return g.match(in.of(v)) }, in)
	m.need = needs(in.hay, []string{g.longest()})
	return c.share(m)
}

func (c *compiler) injection(n *ast.CallNode, found func(string) bool, s *scope) *cond {
	args := c.arguments(n.Arguments, 1, s)
	if args == nil {
		return nil
	}
	in := args[0]
	return c.share(leaf(calleeOf(n)+"("+in.key+")", costInterpret, func(v *view) bool { return found(in.of(v)) }, in))
}

// method compiles evt.SetMeta(key, value).
func (c *compiler) method(m *ast.MemberNode, arguments []ast.Node, s *scope) *cond {
	evt, isName := m.Node.(*ast.IdentifierNode)
	name, isText := m.Property.(*ast.StringNode)
	args := c.arguments(arguments, 2, s)
	if !isName || evt.Value != "evt" || !isText || name.Value != "SetMeta" || args == nil || !args[0].fixed {
		return nil
	}
	key, value := args[0].value, args[1]
	set := leaf("SetMeta("+args[0].key+", "+value.key+")", costField, func(v *view) bool {
		v.setMeta(key, value.of(v))
		return true
	}, value)
	set.effect = true
	return set
}

// An amount is a number that depends on the event. Some events have none.
type amount struct {
	of    func(*view) (n int, ok bool)
	text  *text
	key   string
	fails bool
}

// amount compiles int(text) and len(text).
func (c *compiler) amount(n ast.Node, s *scope) *amount {
	call, ok := n.(*ast.BuiltinNode)
	if !ok || len(call.Arguments) != 1 {
		return nil
	}
	t := c.text(call.Arguments[0], s)
	if t == nil {
		return nil
	}
	switch call.Name {
	case "int":
		return &amount{func(v *view) (int, bool) {
			n, err := strconv.Atoi(t.of(v))
			return n, err == nil
		}, t, "int(" + t.key + ")", true}
	case "len":
		return &amount{func(v *view) (int, bool) { return utf8.RuneCountInString(t.of(v)), true }, t, "len(" + t.key + ")", false}
	}
	return nil
}

// comparisons maps each comparison of numbers to the one with its sides swapped.
var comparisons = map[string]struct {
	holds  func(a, b int) bool
	mirror string
}{
	"==": {func(a, b int) bool { return a == b }, "=="},
	"!=": {func(a, b int) bool { return a != b }, "!="},
	"<":  {func(a, b int) bool { return a < b }, ">"},
	"<=": {func(a, b int) bool { return a <= b }, ">="},
	">":  {func(a, b int) bool { return a > b }, "<"},
	">=": {func(a, b int) bool { return a >= b }, "<="},
}

// number compiles the comparison of an amount with a number.
func (c *compiler) number(n *ast.BinaryNode, s *scope) *cond {
	left, right, sign := n.Left, n.Right, n.Operator
	if _, swapped := left.(*ast.IntegerNode); swapped {
		left, right, sign = right, left, comparisons[sign].mirror
	}
	limit, ok := right.(*ast.IntegerNode)
	a := c.amount(left, s)
	if !ok || a == nil {
		return nil
	}
	holds, bound := comparisons[sign].holds, limit.Value
	cmp := leaf(a.key+" "+sign+" "+strconv.Itoa(bound), costField, func(v *view) bool {
		n, ok := a.of(v)
		if !ok {
			v.failed = true
		}
		return ok && holds(n, bound)
	}, a.text)
	cmp.fails = a.fails
	return c.share(cmp)
}

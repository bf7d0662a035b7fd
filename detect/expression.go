package detect

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// An expression is checked, but not compiled: see compiler. It does not keep its syntax tree,
// because the garbage collector would follow it as long as the rules are in use: 7,000 objects
// for the built-in scenarios, more than all else that detection keeps without clients.
type expression struct {
	source string
	kind   reflect.Kind // of the result; invalid means any kind
	lists  *lists

	deps  fieldSet
	reads []string // keys of evt.Meta that it reads and that are not fields
	sets  []string // keys of evt.Meta that it sets
	files []string // names of the lists that it uses
}

// expression parses an expression with a result of this kind. Invalid means any kind.
func (l *lists) expression(source string, kind reflect.Kind) (*expression, error) {
	if len(source) > maxExpression {
		return nil, fmt.Errorf("an expression of %d bytes: want at most %d", len(source), maxExpression)
	}
	tree, err := parser.Parse(source)
	if err != nil {
		if why, newer := l.unknownWord(source, err); newer {
			return nil, why
		}
		return nil, fmt.Errorf("reading the expression: %w", err)
	}
	e := &expression{source: source, kind: kind, lists: l}
	w := &walker{e: e, lists: l}
	ast.Walk(&tree.Node, w)
	if w.err != "" {
		return nil, w.err
	}
	if w.events != w.members { // evt is used as a whole
		e.deps = ^fieldSet(0)
	}
	if _, err := l.parse(source, kind); err != nil {
		return nil, err
	}
	return e, nil
}

// tree returns the syntax tree of e.
func (e *expression) tree() ast.Node {
	tree, err := parser.Parse(e.source)
	if err != nil {
		panic(err) // it was parsed before
	}
	return tree.Node
}

// program returns e for the interpreter.
func (e *expression) program() *vm.Program {
	p, err := e.lists.parse(e.source, e.kind)
	if err != nil {
		panic(err) // it was parsed before
	}
	return p
}

// A walker collects the fields, functions and lists that an expression uses.
type walker struct {
	e     *expression
	lists *lists
	err   unsupported

	events, members int // how often evt occurs, and how often in a known form
}

// Visit implements [ast.Visitor].
func (w *walker) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "evt" {
			w.events++
		}
	case *ast.MemberNode:
		w.member(n)
	case *ast.CallNode:
		w.call(n)
	}
}

func (w *walker) member(n *ast.MemberNode) {
	if room, key, ok := member(n); ok {
		w.members++
		f, known := fieldNamed(room + "." + key)
		deps, ofLine := lineKeys[key]
		switch {
		case room == "Line" && !ofLine:
			w.refuse(string(unknownThing("it asks for evt.Line.%s", key)))
		case room == "Line":
			w.e.deps |= deps
		case known:
			w.e.deps |= f.set()
		case room == "Meta":
			w.e.reads = append(w.e.reads, key)
		}
		return
	}
	if evt, ok := n.Node.(*ast.IdentifierNode); ok && evt.Value == "evt" {
		name, _ := n.Property.(*ast.StringNode)
		if name == nil || !slices.Contains([]string{"Meta", "Parsed", "Line", "SetMeta"}, name.Value) {
			w.refuse(fmt.Sprintf("it asks for %s, which there is not in a request", n))
		}
	}
}

func (w *walker) call(n *ast.CallNode) {
	if m, ok := n.Callee.(*ast.MemberNode); ok {
		w.method(m, n.Arguments)
		return
	}
	name := calleeOf(n)
	if !w.lists.known(name) {
		w.refuse(string(unknownThing("it calls %s", n.Callee)))
		return
	}
	if most := w.lists.mostArguments(name); most >= 0 && len(n.Arguments) > most {
		w.refuse(string(unknownThing("it calls %s with %d arguments", name, len(n.Arguments))))
		return
	}
	list := -1
	switch name {
	case "File":
		list = 0
	case "RegexpInFile", "LookupFile":
		list = 1
	}
	if list < 0 || list >= len(n.Arguments) {
		return
	}
	file, ok := n.Arguments[list].(*ast.StringNode)
	if !ok {
		w.refuse("the name of the list that it asks is not known beforehand")
		return
	}
	w.e.files = append(w.e.files, file.Value)
}

func (w *walker) method(m *ast.MemberNode, arguments []ast.Node) {
	name, ok := m.Property.(*ast.StringNode)
	if !ok || name.Value != "SetMeta" || len(arguments) != 2 {
		w.refuse(string(unknownThing("it calls %s", m)))
		return
	}
	w.members++
	key, ok := arguments[0].(*ast.StringNode)
	if !ok {
		w.refuse("the name of what it sets is not known beforehand")
		return
	}
	if _, taken := fieldNamed("Meta." + key.Value); taken {
		w.refuse(fmt.Sprintf("it sets evt.Meta.%s, which is the request's", key.Value))
		return
	}
	w.e.sets = append(w.e.sets, key.Value)
}

func (w *walker) refuse(why string) {
	if w.err == "" {
		w.err = unsupported(why)
	}
}

// text returns the source text of e, or nothing if there is none.
func (e *expression) text() string {
	if e == nil {
		return ""
	}
	return e.source
}

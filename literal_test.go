package tocsin

import (
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// Lengths of encodings and marks in them, which a test builds data with, are not what it tests.
var encoding = []string{
	"pass", // a kind of token
	"headBytes", "magicBytes", "tokenChars", "endMark", "kindMark", "nonceAt", "bufferSize", "headerSize", "fieldArgsLen", "never", "version", "settling",
}

// A test that asks a bound of the code for its value passes with any value: it has the
// number itself.
func TestTestsHaveTheNumbersThatTheyTest(t *testing.T) {
	bounds := map[string][]string{} // names of constants that are numbers, by folder
	all := goFiles(t)
	for _, f := range all {
		if !f.isTest() {
			bounds[f.folder()] = append(bounds[f.folder()], numbers(f.File)...)
		}
	}
	for _, f := range all {
		if !f.isTest() {
			continue
		}
		own := declared(f.File)
		inspectNames(f.File, func(id *ast.Ident) {
			if slices.Contains(bounds[f.folder()], id.Name) && !slices.Contains(own, id.Name) && !slices.Contains(encoding, id.Name) {
				t.Errorf("%s:%d: %s is a constant of the code: want its number here", f.path, f.line(id.Pos()), id.Name)
			}
		})
	}
}

// numbers returns the names of the constants of a file, at its top, that are written as
// numbers and not exported.
func numbers(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			for i, name := range spec.Names {
				if !name.IsExported() && i < len(spec.Values) && isNumber(spec.Values[i]) {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

// declared returns the names that a file declares, wherever it does.
func declared(f *ast.File) []string {
	var names []string
	add := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			names = append(names, id.Name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.RangeStmt:
			add(n.Key)
			add(n.Value)
		case *ast.ValueSpec:
			for _, id := range n.Names {
				add(id)
			}
		case *ast.Field:
			for _, id := range n.Names {
				add(id)
			}
		}
		return true
	})
	return names
}

// isNumber reports whether an expression is of numbers, such as 10 * time.Second.
func isNumber(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.INT || e.Kind == token.FLOAT
	case *ast.BinaryExpr:
		return isNumber(e.X) || isNumber(e.Y)
	case *ast.ParenExpr:
		return isNumber(e.X)
	case *ast.SelectorExpr:
		pkg, ok := e.X.(*ast.Ident)
		return ok && pkg.Name == "time"
	}
	return false
}

// inspectNames calls see for each name that is not behind a dot, a key or a parameter.
func inspectNames(in ast.Node, see func(*ast.Ident)) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			inspectNames(n.X, see)
			return false
		case *ast.KeyValueExpr:
			inspectNames(n.Value, see)
			return false
		case *ast.Field:
			return false
		case *ast.Ident:
			see(n)
		}
		return true
	})
}

package tocsin

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// Programs read the log: a key is a word that no query language has to quote.
func TestKeysOfTheLogAreWords(t *testing.T) {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, f := range goFiles(t) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			if key := logKey(n); key != "" && !word.MatchString(key) {
				t.Errorf("%s:%d: key %q in the log: want lower case letters, digits and underscores", f.path, f.line(n.Pos()), key)
			}
			return true
		})
	}
}

// logKey returns the key of a call such as zap.String("key", value), else nothing.
func logKey(n ast.Node) string {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return ""
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if pkg, ok := fun.X.(*ast.Ident); !ok || pkg.Name != "zap" {
		return ""
	}
	key, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	return strings.Trim(key.Value, `"`)
}

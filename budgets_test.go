package tocsin

import (
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A budget is a row of docs/budgets.md.
type budget struct{ name, bound, file, code, folder, test string }

var budgetRow = regexp.MustCompile("^\\| ([^|]+) \\| ([^|]+) \\| `([^`]+)`: `([^`]+)` \\| [^|]+ \\| [^|]+ \\| `([a-z]+)\\.(Test\\w+)` \\|$")

func budgets(t *testing.T) []budget {
	t.Helper()
	text, err := os.ReadFile("docs/budgets.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []budget
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| budget |") {
			continue
		}
		m := budgetRow.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("docs/budgets.md:%d: want six columns: budget, bound, `file`: `code`, share, what happens, `package.Test`", i+1)
			continue
		}
		all = append(all, budget{m[1], m[2], m[3], m[4], m[5], m[6]})
	}
	return all
}

// The limits in docs/budgets.md are those of the code.
func TestBudgetsAreThoseOfTheCode(t *testing.T) {
	all := budgets(t)
	if len(all) < 30 {
		t.Errorf("%d budgets: the table cannot be read any more", len(all))
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			text, err := os.ReadFile(b.file)
			if err != nil {
				t.Fatal(err)
			}
			if !hasCode(string(text), b.code) {
				t.Errorf("%s has no %q", b.file, b.code)
			}
			_, value := splitLast(b.code, "=,")
			if got, want := number(t, value), boundOf(t, b.bound); got != want {
				t.Errorf("%s has %d, and the table says %s", b.file, got, b.bound)
			}
		})
	}
}

func TestBudgetsHaveTests(t *testing.T) {
	for _, b := range budgets(t) {
		folder := b.folder
		if dir := filepath.Dir(b.file); filepath.Base(dir) == folder {
			folder = dir // it is not at the top
		}
		files, err := filepath.Glob(folder + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(text), "func "+b.test+"(")
		}
		if !found {
			t.Errorf("%s: there is no test %s in %s", b.name, b.test, b.folder)
		}
	}
}

// hasCode reports whether text has code, whatever the space in it, and not as the
// beginning of something longer.
func hasCode(text, code string) bool {
	parts := strings.Fields(code)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?m)(^|\W)` + strings.Join(parts, `\s+`) + `(\s*$|\s*//|[,)])`).MatchString(text)
}

// splitLast splits s at the last of the characters in at.
func splitLast(s, at string) (before, after string) {
	i := strings.LastIndexAny(s, at)
	return s[:i], strings.TrimSpace(s[i+1:])
}

// number returns the value of an expression of constants, of a duration in seconds.
func number(t *testing.T, expr string) int64 {
	t.Helper()
	v, err := types.Eval(token.NewFileSet(), nil, token.NoPos, strings.TrimSuffix(expr, " * time.Second"))
	if err != nil {
		t.Fatalf("%q: %v", expr, err)
	}
	n, ok := constant.Int64Val(constant.ToInt(v.Value))
	if !ok {
		t.Fatalf("%q is no whole number", expr)
	}
	return n
}

// boundOf returns the number that a cell begins with: 1,024, 64 MiB or 10 s.
func boundOf(t *testing.T, cell string) int64 {
	t.Helper()
	words := strings.Fields(cell)
	n, err := strconv.ParseInt(strings.ReplaceAll(words[0], ",", ""), 10, 64)
	if err != nil {
		t.Fatalf("%q: want a number first", cell)
	}
	if len(words) > 1 && words[1] == "MiB" {
		n <<= 20
	}
	return n
}

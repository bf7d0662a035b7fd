package detect

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// awkward are patterns that try every kind of instruction, and texts for them.
var awkward = []string{
	``, `^`, `$`, `^$`, `a`, `ab|cd`, `^ab$`, `(?i)sky`, `(?i)ſKİ`, `[^/]+`, `[^/]+x$`, `a.c`, `(?s)a.c`, `(?m)^b$`, `(?m)a$`, `\bcat\b`, `\Bcat\B`,
	`a{2,4}b`, `(a|b)*abb`, `x*`, `\x{fffd}`, `[а-я]+й`, `\pL\d`, `[\x80-\x{ff}]`, `[^a]$`, `\Aab`, `ab\z`, `(a?){8}a{8}`, `\b`, `\B`, `^(/[^/]+){0,2}/\.env([._-][^/]*)?~?$`,
	`login=.*[$|%24][\(|%28].*[\)|%29]`, `[^\x00-\x{10FFFF}]`, `(?i:[k-s])end`,
}

var awkwardTexts = []string{
	"", "a", "b", "\n", "a\nb", "b\na\n", "ab", "cd\n", "SKY", "ſky", "sKy", "a\nc", "abc", "a\xffc", "\xff", "\ufffd", "cat", "a cat", "concat", "cats_", "_cat_",
	"aaab", "aaaaab", "aabb", "aaaaaaaa", "aaaaaaa", "ай", "é5", "é", "\xc3", "/a/b/.env", "/a/b/c/.env", "/.env.old~", "login=$(x)", "login=%24%28%29", "Kend", "ſend",
}

// A table tells what regexp does, of every pattern that either list has.
func TestATableMatchesWhatItsExpressionDoes(t *testing.T) {
	for _, pattern := range awkward {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if m.table == nil {
			t.Errorf("%q has no table", pattern)
			continue
		}
		for _, text := range awkwardTexts {
			if got, want := m.table.match(text), m.slow.MatchString(text); got != want {
				t.Errorf("%q in %q: %v, want %v", pattern, text, got, want)
			}
		}
	}
}

func FuzzTable(f *testing.F) {
	for i, pattern := range awkward {
		f.Add(pattern, awkwardTexts[i%len(awkwardTexts)])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 200 {
			return
		}
		want, err := regexp.Compile(pattern)
		if err != nil {
			return
		}
		d := newDFA(pattern)
		if d == nil {
			return
		}
		if got := d.match(text); got != want.MatchString(text) {
			t.Errorf("%q in %q: %v, want %v", pattern, text, got, !got)
		}
	})
}

// What is too large for a table is still right, by regexp.
func TestAnExpressionWithTooManyStatesHasNoTable(t *testing.T) {
	m, err := newMatcher(`a[ab]{15}c`)
	if err != nil {
		t.Fatal(err)
	}
	if m.table != nil {
		t.Fatalf("%d states", len(m.table.atEnd))
	}
	if text := strings.Repeat("ab", 20) + "c"; !m.match(text) || m.match(text[:40]) {
		t.Error("another answer than that of regexp")
	}
	if _, err := newMatcher("("); err == nil {
		t.Error("half an expression is taken")
	}
}

// matchersOf returns every expression that rules hold a text against, but for those that
// were taken apart into words.
func matchersOf(r *Rules) map[string]*matcher {
	all := map[string]*matcher{}
	add := func(ms ...*matcher) {
		for _, m := range ms {
			all[m.slow.String()] = m
		}
	}
	var walk func(c *cond)
	walk = func(c *cond) {
		if _, quoted, ok := strings.Cut(c.key, " matches "); ok && len(c.kids) == 0 {
			if pattern, err := strconv.Unquote(quoted); err == nil {
				m, _ := newMatcher(pattern)
				add(m)
			}
		}
		for _, k := range c.kids {
			walk(k)
		}
	}
	for _, rule := range compile(r, testIDs()).rules {
		walk(rule.filter)
	}
	for _, set := range r.lists.regexps {
		add(set.loose...)
		for _, p := range set.patterns {
			if p.whole != nil {
				add(p.whole)
			}
		}
	}
	for _, tags := range r.lists.maps {
		add(tags.regexps...)
	}
	return all
}

// A request is held against none of the expressions that there are for longer than a
// table lookup a byte: every one has its table, and a table is of bounded size.
func TestEveryExpressionOfTheRulesHasATable(t *testing.T) {
	all := map[string]*Rules{"built-in": builtinRules(t)}
	if os.Getenv("TOCSIN_HUB_SUITE") != "" {
		all["the hub's"] = hubRules(t)
	}
	for name, rules := range all {
		ms := matchersOf(rules)
		if len(ms) == 0 {
			t.Errorf("%s: no expressions", name)
		}
		for pattern, m := range ms {
			if m.table == nil {
				t.Errorf("%s: %q has no table", name, pattern)
				continue
			}
			if n := len(m.table.atEnd); n > 1024+1<<8 {
				t.Errorf("%s: %q has %d states", name, pattern, n)
			}
			for _, text := range append(awkwardTexts, attackPaths...) {
				if got := m.table.match(text); got != m.slow.MatchString(text) {
					t.Errorf("%q in %q: %v", pattern, text, got)
				}
			}
		}
	}
}

// A text full of the literals of a list once had some of its expressions asked at each
// of them: a path of 16 KiB took half a second.
func TestEachExpressionOfAListIsAskedOnce(t *testing.T) {
	for name, n := range map[string]int{"few": 9, "many": 1000} {
		t.Run(name, func(t *testing.T) {
			var lines []listLine
			text := ""
			for i := range n {
				lines = append(lines, listLine{i + 1, fmt.Sprintf("^x+<%d>y*$", i)})
				text += fmt.Sprintf("<%d>", i)
			}
			s, err := newRegexpSet(lines)
			if err != nil {
				t.Fatal(err)
			}
			asked := 0
			s.find(strings.Repeat(text, 20), func(*pattern, string) bool { asked++; return false })
			if asked != n {
				t.Errorf("asked %d times, want %d", asked, n)
			}
			if !s.match("xx<8>yy") || s.match("xx<8>z") {
				t.Error("a wrong answer")
			}
		})
	}
}

func TestFindingAMatchAllocatesNothing(t *testing.T) {
	m, err := newMatcher(`(?i)ſky|[а-я]{3}z`)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("/skа\xffабв", 100)
	if n := testing.AllocsPerRun(10, func() { m.match(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package search

import (
	"regexp"
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
		m, err := Compile(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if m.table == nil {
			t.Errorf("%q has no table", pattern)
			continue
		}
		for _, text := range awkwardTexts {
			want := m.slow.MatchString(text)
			if got, inBytes := m.Match(text), m.MatchBytes([]byte(text)); got != want || inBytes != want {
				t.Errorf("%q in %q: %v, in bytes %v, want %v", pattern, text, got, inBytes, want)
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
		if got := match(d, text); got != want.MatchString(text) {
			t.Errorf("%q in %q: %v, want %v", pattern, text, got, !got)
		}
	})
}

// A pattern that is too large for a table still gives the right result, by package
// regexp.
func TestAnExpressionWithTooManyStatesHasNoTable(t *testing.T) {
	m, err := Compile(`a[ab]{15}c`)
	if err != nil {
		t.Fatal(err)
	}
	if m.table != nil {
		t.Fatalf("%d states", m.States())
	}
	if text := strings.Repeat("ab", 20) + "c"; !m.Match(text) || m.Match(text[:40]) {
		t.Error("another answer than that of regexp")
	}
	if _, err := Compile("("); err == nil {
		t.Error("half an expression is taken")
	}
}

func TestFindingAMatchAllocatesNothing(t *testing.T) {
	m, err := Compile(`(?i)ſky|[а-я]{3}z`)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("/skа\xffабв", 100)
	raw := []byte(text)
	if n := testing.AllocsPerRun(10, func() { m.Match(text); m.MatchBytes(raw) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

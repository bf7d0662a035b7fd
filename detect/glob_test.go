package detect

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	for _, row := range []struct {
		name, pattern, text string
		want                bool
	}{
		{"itself", "/a", "/a", true},
		{"in this case of letters alone", "/a", "/A", false},
		{"not a part of it", "/a", "/a/b", false},
		{"nothing", "", "", true},
		{"nothing for something", "", "a", false},
		{"a star for nothing", "*", "", true},
		{"a star for something", "*", "a/b", true},
		{"a part", "*doAs=`*", "x&doAs=`id`", true},
		{"an end", "*.php", "/a.php.php", true},
		{"a wrong end", "*.php", "/a.php.", false},
		{"a beginning", "/cgi*", "/cgi-bin/x", true},
		{"parts in their order", "*a*b*", "xbxaxb", true},
		{"in the wrong order", "*a*b*", "b a", false},
		{"an end that the beginning needs", "aba*aba", "ababa", false},
		{"a question mark for a byte", "a?c", "abc", true},
		{"not for none", "a?c", "ac", false},
		{"not for the two of a letter", "a?c", "aéc", false},
		{"between stars", "*autodiscover.json?@*", "x/autodiscover.json?@evil", true},
		{"between stars, later", "*a?c*", "abdabcx", true},
		{"at the end", "*?", "a", true},
		{"at the end of nothing", "*?", "", false},
		{"nothing takes its meaning from a star", `\*`, `\x`, true},
		{"brackets are brackets", "[ab]", "a", false},
		{"two stars inside", "a**b", "ab", true},
		// This is what CrowdSec's makes of it.
		{"two stars at the end want a byte", "a**", "a", false},
		{"and are content with one", "a**", "ab", true},
		{"two stars alone do, too", "**", "", false},
		{"three stars want no more than two", "***", "a", true},
	} {
		got, err := globMatch(row.pattern, row.text)
		if err != nil || got != row.want || slowGlob(row.pattern, row.text) != row.want {
			t.Errorf("%s: Match(%q, %q) is %v (%v), want %v", row.name, row.pattern, row.text, got, err, row.want)
		}
	}
}

// slowGlob tries all that a star can stand for.
func slowGlob(pattern, text string) bool {
	switch {
	case text == "":
		return pattern == "" || pattern == "*"
	case pattern == "":
		return false
	case pattern[0] == '*':
		for i := range len(text) + 1 {
			if slowGlob(pattern[1:], text[i:]) {
				return true
			}
		}
		return false
	}
	return (pattern[0] == '?' || pattern[0] == text[0]) && slowGlob(pattern[1:], text[1:])
}

func TestGlobAgreesWithTheOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, uint64(time.Now().UnixNano())))
	random := func(of string, n int) string {
		var b strings.Builder
		for range rng.IntN(n) {
			b.WriteByte(of[rng.IntN(len(of))])
		}
		return b.String()
	}
	matches := 0
	for range 100_000 {
		pattern, text := random("ab**?", 9), random("aab", 12)
		got, _ := globMatch(pattern, text)
		if want := slowGlob(pattern, text); got != want {
			t.Fatalf("Match(%q, %q) is %v, want %v", pattern, text, got, want)
		}
		if got {
			matches++
		}
	}
	if matches < 10_000 {
		t.Errorf("%d matches: too few to tell anything", matches)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("*a?c**", "abac")
	f.Add("*/x?*/*y", "/x1/zy")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 16 || len(text) > 24 || strings.Count(pattern, "*") > 6 {
			return
		}
		got, err := globMatch(pattern, text)
		if want := slowGlob(pattern, text); err != nil || got != want {
			t.Errorf("Match(%q, %q) is %v (%v), want %v", pattern, text, got, err, want)
		}
		if g, err := newGlob(pattern); err != nil || got && !strings.Contains(text, g.longest()) {
			t.Errorf("%q matches %q without %q", pattern, text, g.longest())
		}
	})
}

// A glob that takes CrowdSec's library for ever takes a moment.
func TestAHostileTextCostsAGlobLittle(t *testing.T) {
	for _, row := range []struct{ name, pattern, text string }{
		{"stars in a row", strings.Repeat("a*", 500) + "b", strings.Repeat("a", 16_384)},
		{"question marks", "*" + strings.Repeat("a?", 500) + "b*", strings.Repeat("a", 16_384)},
	} {
		began := time.Now()
		if got, err := globMatch(row.pattern, row.text); got || err != nil {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: took %v", row.name, took)
		}
	}
	if _, err := globMatch(strings.Repeat("a", 1025), "a"); err == nil {
		t.Error("a pattern of 1025 bytes is taken")
	}
}

package search

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// literalsOf makes literals of what the fuzzer thinks up.
func literalsOf(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\x00"), func(l string) bool { return l == "" })
}

func FuzzAutomaton(f *testing.F) {
	f.Add("he\x00she\x00his\x00hers", "ushers")
	f.Add("a\x00ab\x00bab\x00bc\x00bca\x00c\x00caa", "abccab")
	f.Add("aaa\x00aa", "aaaaaa")
	f.Add("\xff\x00\xc5\xbf", "\xc5\xbf\xff")
	f.Fuzz(func(t *testing.T, words, text string) {
		literals := literalsOf(words)
		if len(literals) == 0 {
			return
		}
		a := New(literals, false)
		type found struct{ literal, end int }
		var got, want []found
		a.Scan(text, func(l int32, end int) bool {
			got = append(got, found{int(l), end})
			return true
		})
		for end := range len(text) + 1 {
			for i, l := range literals {
				if strings.HasSuffix(text[:end], l) {
					want = append(want, found{i, end})
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q in %q: found %v, want %v", literals, text, got, want)
		}
		if got := a.In(text); got != (len(want) > 0) {
			t.Errorf("%q in %q: %v", literals, text, got)
		}
	})
}

func TestFoldedRunesAreAllThereAre(t *testing.T) {
	for r := rune(utf8.RuneSelf); r <= unicode.MaxRune; r++ {
		want := byte(0)
		for _, other := range []rune{unicode.ToUpper(r), unicode.ToLower(r), unicode.SimpleFold(r)} {
			if other < utf8.RuneSelf {
				want = lowerASCII(byte(other))
			}
		}
		s := string(r)
		got, size := foldedRune(s, 0)
		switch {
		case want == 0 && (got != s[0] || size != 1):
			t.Errorf("%q becomes %q", r, got)
		case want != 0 && (got != want || size != len(s)):
			t.Errorf("%q becomes %q of %d bytes, want %q", r, got, size, want)
		}
	}
}

package detect

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/search"
)

// literalsOf makes literals of what the fuzzer thinks up.
func literalsOf(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\x00"), func(l string) bool { return l == "" })
}

// FuzzScan checks that no literal escapes that is in a text, or in what upper and
// lower case make of it.
func FuzzScan(f *testing.F) {
	f.Add("class.module\x00/kiosk", "/KıoſK/CLASS.Module.")
	f.Add("a", "\xe2\x84\xaa\xe2\x84")
	f.Fuzz(func(t *testing.T, words, text string) {
		literals := literalsOf(strings.Map(func(r rune) rune {
			if r >= 0x80 {
				return -1
			}
			return r
		}, words))
		if len(literals) == 0 || len(literals) > 64 {
			return
		}
		owners := make([]int, len(literals))
		for i := range owners {
			owners[i] = i
		}
		s := newScan(literals, owners, 1)
		bits := newSet(1)
		search.Mark(s.find, text, s.sets, bits)
		for i, l := range literals {
			in := strings.Contains(text, l) || strings.Contains(strings.ToUpper(text), strings.ToUpper(l)) ||
				strings.Contains(strings.ToLower(text), strings.ToLower(l))
			if in && bits[0]&(1<<i) == 0 {
				t.Errorf("%q in %q was not seen", l, text)
			}
		}
	})
}

func FuzzRegexpSet(f *testing.F) {
	f.Add(`\bfoo.bar\b`, "a foo\xffbar")
	f.Add(`\bGo!Zilla\b`, "xGo!Zilla Go!Zilla")
	f.Add(`a\b`, "ab a")
	f.Add(`\b.x`, "éx")
	f.Add(`(?i)ab|cd+`, "CDD")
	f.Add(`.\n`, "\n\n")
	f.Add("\ufffd", "\xff")
	f.Add(`x{2,3}y`, "xxy")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		r, err := regexp.Compile(pattern)
		set, err2 := newRegexpSet([]listLine{{1, pattern}, {2, "never-in-there-\x01"}})
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %v, want %v", pattern, err2, err)
		}
		if err != nil || strings.Contains(text, "\x01") {
			return
		}
		if got, want := set.match(text), r.MatchString(text); got != want {
			t.Errorf("%q in %q: %v, want %v", pattern, text, got, want)
		}
	})
}

func TestTags(t *testing.T) {
	lists := newLists()
	if err := lists.load(listFile{Name: "tags.json", Type: listMap}, folderFS("testdata/data")); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"/panel/login":   "panel-login", // the whole text comes first
		"/x/panel/login": "panel",       // of the parts that which begins first
		"/box/panel/":    "box",
		"/anel//box":     "later",
		"/cells/7":       "panel-cells", // expressions come last
		"/cells/7/box":   "box",
		"/Panel":         "",
		"":               "",
	} {
		if got := lists.maps["tags.json"].lookup(text); got != want {
			t.Errorf("%q has the tag %q, want %q", text, got, want)
		}
	}
}

func TestJSONExtract(t *testing.T) {
	for path, want := range map[string]string{
		"a": "1", "b.c": `x\"y`, "b.d[1]": "true", "b.d[2]": "", "b.d[x]": "", "b": `{"c": "x\"y", "d": [false, true]}`, "e": "", "a.b": "",
	} {
		if got := jsonExtract(`{"a": 1, "b": {"c": "x\"y", "d": [false, true]}}`, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

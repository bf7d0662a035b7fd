package detect

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/internal/search"
)

// matchersOf returns every expression that rules hold a text against, but for those that
// were taken apart into words.
func matchersOf(r *Rules) map[string]*search.Regexp {
	all := map[string]*search.Regexp{}
	add := func(ms ...*search.Regexp) {
		for _, m := range ms {
			all[m.String()] = m
		}
	}
	var walk func(c *cond)
	walk = func(c *cond) {
		if _, quoted, ok := strings.Cut(c.key, " matches "); ok && len(c.kids) == 0 {
			if pattern, err := strconv.Unquote(quoted); err == nil {
				m, _ := search.Compile(pattern)
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
// table lookup a byte: every one has its table, and a table is of bounded size. So the
// longest text that is looked at, of 16 KiB, costs two million lookups at most, if all of
// them are asked about it.
func TestEveryExpressionOfTheRulesHasATable(t *testing.T) {
	all := map[string]*Rules{"built-in": builtinRules(t)}
	if os.Getenv("TOCSIN_HUB_SUITE") != "" {
		all["the hub's"] = hubRules(t)
	}
	for name, rules := range all {
		ms := matchersOf(rules)
		if n := len(ms); n == 0 || n > 128 {
			t.Errorf("%s: %d expressions", name, n)
		}
		for pattern, m := range ms {
			n := m.States()
			if n == 0 {
				t.Errorf("%s: %q has no table", name, pattern)
				continue
			}
			if n > 1024+1<<8 {
				t.Errorf("%s: %q has %d states", name, pattern, n)
			}
			slow := regexp.MustCompile(pattern)
			for _, text := range append([]string{"", "\n", "a\xff", "/a/b/.env", "login=$(x)"}, attackPaths...) {
				if got := m.Match(text); got != slow.MatchString(text) {
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

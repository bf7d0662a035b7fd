package builtin

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/tocsin-project/tocsin/internal/search"
	"github.com/tocsin-project/tocsin/waf"
)

// A detector looks for signs.
type detector struct {
	signs []compiled
	words int      // of a set of signs
	free  []uint64 // signs without a literal
	find  *search.Automaton
	sets  [][]uint64
	rules []waf.Rule
	numOf [classCount][3]int // of rules, by confidence; -1: the class has none
}

// A compiled sign. All patterns have a table, so that a byte costs the same whatever a text
// is made of. That of a pattern which counts words would be too large: what is behind the
// words is looked for with a table first, and only if it is there the words are counted.
type compiled struct {
	sign
	table    func() *search.Regexp // made when it is needed first: that takes a millisecond
	counting func() *regexp.Regexp // nil: there are no words to count
	needs    []marks
	literals []string // one of which is in every text with it; none: that is not known
}

func (s *sign) compile() compiled {
	pattern := "(?s)" + s.pattern
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic("builtin: " + s.pattern + ": " + err.Error()) // a test compiles all
	}
	tree = tree.Simplify()
	c := compiled{sign: *s, needs: neededBy(tree), literals: literalsOf(tree)}
	if loose := strings.ReplaceAll(pattern, few, ""); loose != pattern {
		whole := pattern
		c.counting, pattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(whole) }), loose
	}
	c.table = sync.OnceValue(func() *search.Regexp { re, _ := search.Compile(pattern); return re })
	return c
}

func newDetector() *detector {
	all := allSigns()
	d := &detector{words: (len(all) + 63) / 64}
	d.free = make([]uint64, d.words)
	byLiteral := map[string][]uint64{}
	var literals []string
	for i, s := range all {
		c := s.compile()
		d.signs = append(d.signs, c)
		if len(c.literals) == 0 {
			d.free[i/64] |= 1 << (i % 64)
		}
		for _, l := range c.literals {
			if byLiteral[l] == nil {
				byLiteral[l] = make([]uint64, d.words)
				literals = append(literals, l)
			}
			byLiteral[l][i/64] |= 1 << (i % 64)
		}
	}
	d.find = search.New(literals, false)
	for _, group := range d.find.Groups() {
		set := make([]uint64, d.words)
		for _, l := range group {
			for w, bits := range byLiteral[literals[l]] {
				set[w] |= bits
			}
		}
		d.sets = append(d.sets, set)
	}
	d.addRules()
	return d
}

// literalsOf returns literals one of which is in every text with a sign, or none if that
// is not known. White space in them may be another one in some forms.
func literalsOf(re *syntax.Regexp) []string {
	literals := search.Required(re, search.ExactCase)
	for i, l := range literals {
		if literals[i] = longestOf(l); literals[i] == "" {
			return nil
		}
	}
	return literals
}

// longestOf returns the longest part of a literal without blanks and control characters.
func longestOf(literal string) (longest string) {
	for _, part := range strings.FieldsFunc(literal, func(r rune) bool { return r <= ' ' }) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// Rules are those of all classes.
func (d *detector) Rules() []waf.Rule { return d.rules }

// Watch returns what looks at requests.
func (d *detector) Watch() waf.Watch {
	return &watch{detector: d, most: maxWork, bits: make([]uint64, d.words), findings: make([]waf.Finding, 0, int(classCount))}
}

func (d *detector) addRules() {
	for c := range d.numOf {
		for conf := range d.numOf[c] {
			d.numOf[c][conf] = -1
		}
	}
	for _, about := range classes {
		for _, conf := range []waf.Confidence{waf.Certain, waf.Likely, waf.Observe} {
			if !about.has(conf) {
				continue
			}
			d.numOf[about.class][conf] = len(d.rules)
			d.rules = append(d.rules, waf.Rule{
				Name: about.rule(conf), Description: about.what, File: "builtin", OutOfBand: conf == waf.Observe, Confidence: conf,
			})
		}
	}
}

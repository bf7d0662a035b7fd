package waf

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tocsin-project/tocsin/internal/search"
)

// A zoneIndex leads from what a zone holds to the groups that may match: those that ask
// for a literal that is there, or for a value of a name that is there. So an ordinary
// request is held against few of them.
type zoneIndex struct {
	chains   []int              // after which literals are looked for
	literals []literal          // looked for one by one, if they are few
	find     *search.Automaton  // if they are many: after any of the chains
	sets     [][]uint64         // groups, by what is found
	names    map[string][]int32 // groups, by name in lower case
	ends     []uint64           // the last two bytes of names, a bit for each pair
	byValue  bool               // some chains take only a whole value
	isASCII  bool               // every literal is
	isPlain  bool               // every literal in the name of a value in JSON is in one of its keys
}

// A literal is a text that leads to groups.
type literal struct {
	text   []byte
	owners []uint64 // groups
	chains []int    // after which rules look for it
}

// A lead is what a group can be found by.
type lead struct {
	score int
	tests []testLead
}

type testLead struct {
	zone     zone
	chain    int
	literals []string
	name     string
}

func (r *Rules) makeIndex() {
	r.free = make([]uint64, (len(r.groups)+63)/64)
	for g := range r.groups {
		best := r.leadOf(&r.groups[g])
		if best.score == 0 {
			put(r.free, g)
			continue
		}
		late := false
		for _, t := range best.tests {
			late = late || t.zone.isBody()
			z := &r.index[t.zone]
			if t.name != "" {
				z.addName(t.name, g)
				continue
			}
			if !slices.Contains(z.chains, t.chain) {
				z.chains = append(z.chains, t.chain)
				z.byValue = z.byValue || r.toFind[t.chain] == nil
			}
			for _, l := range t.literals {
				z.addLiteral(l, t.chain, g, len(r.free))
			}
		}
		if late {
			r.late = append(r.late, g)
		}
	}
	for z := range r.index {
		r.index[z].finish(len(r.free))
	}
}

func (z *zoneIndex) addName(name string, g int) {
	if z.names == nil {
		z.names, z.ends = map[string][]int32{}, make([]uint64, 1<<16/64)
	}
	z.names[name] = append(z.names[name], int32(g))
	put(z.ends, endOf([]byte(name)))
}

// few is how many literals are looked for one by one.
const few = 4

func (z *zoneIndex) addLiteral(text string, chain, group, words int) {
	at := slices.IndexFunc(z.literals, func(l literal) bool { return string(l.text) == text })
	if at < 0 {
		at = len(z.literals)
		z.literals = append(z.literals, literal{text: []byte(text), owners: make([]uint64, words)})
	}
	l := &z.literals[at]
	put(l.owners, group)
	if !slices.Contains(l.chains, chain) {
		l.chains = append(l.chains, chain)
	}
}

// finish decides how the literals of a zone are looked for.
func (z *zoneIndex) finish(words int) {
	z.isASCII, z.isPlain = true, true
	texts := make([]string, len(z.literals))
	for i, l := range z.literals {
		texts[i] = string(l.text)
		z.isASCII = z.isASCII && !slices.ContainsFunc(l.text, func(c byte) bool { return c >= utf8.RuneSelf })
		z.isPlain = z.isPlain && !isJoint(texts[i])
	}
	if len(texts) <= few {
		return
	}
	z.find = search.New(texts, false)
	for _, ended := range z.find.Groups() {
		set := make([]uint64, words)
		for _, l := range ended {
			merge(set, z.literals[l].owners)
		}
		z.sets = append(z.sets, set)
	}
	z.literals = nil
}

// isEmpty reports whether no literal leads anywhere.
func (z *zoneIndex) isEmpty() bool { return z.find == nil && len(z.literals) == 0 }

// mark adds to bits the groups to which a text leads that a chain has made.
func (z *zoneIndex) mark(text []byte, chain int, bits []uint64) {
	if z.find != nil {
		search.Mark(z.find, text, z.sets, bits)
		return
	}
	for i := range z.literals {
		if l := &z.literals[i]; slices.Contains(l.chains, chain) && bytes.Contains(text, l.text) {
			merge(bits, l.owners)
		}
	}
}

// mayHave reports whether there may be the name in lower case, by how it ends. Most names
// of a large body end otherwise than any that rules ask for.
func (z *zoneIndex) mayHave(name []byte) bool {
	n := len(name)
	return n > 0 && (n == 1 || name[n-1] >= utf8.RuneSelf || name[n-2] >= utf8.RuneSelf || has(z.ends, endOf(name)))
}

// endOf returns the last two bytes of a name in lower case.
func endOf(name []byte) int {
	n := len(name)
	if n < 2 {
		return 0
	}
	return int(lowered[name[n-2]])<<8 | int(lowered[name[n-1]])
}

// markName adds to bits the groups to which a name in lower case leads.
func (z *zoneIndex) markName(name []byte, bits []uint64) {
	for _, g := range z.names[string(name)] {
		put(bits, int(g))
	}
}

// isJoint reports whether a literal may be where the names of levels of JSON meet.
func isJoint(literal string) bool {
	return strings.Contains(literal, ".") || strings.Trim(literal, "0123456789") == "" || strings.Contains("json", literal)
}

func put(bits []uint64, i int)      { bits[i/64] |= 1 << (i % 64) }
func has(bits []uint64, i int) bool { return bits[i/64]&(1<<(i%64)) != 0 }
func merge(bits, more []uint64) {
	for i, w := range more {
		bits[i] |= w
	}
}

// leadOf returns what leads to a group best.
func (r *Rules) leadOf(g *group) lead {
	var best lead
	for _, n := range g.conds {
		if l := leadOfCondition(r.conds[n]); l.score > best.score {
			best = l
		}
	}
	return best
}

// leadOfCondition returns what leads to a condition: all its tests need something.
func leadOfCondition(cond *condition) lead {
	l := lead{score: 1 << 10}
	for i := range cond.tests {
		t, score := leadOfTest(&cond.tests[i])
		l.score = min(l.score, score)
		l.tests = append(l.tests, t)
	}
	return l
}

// Scores of leads: the first part of a request says most about what it is for, and costs
// least to look at; names are rarer than they are looked at.
const (
	scoreTarget = 200
	scoreName   = 100
	scoreOther  = 50
	scoreBody   = 20
	mostLength  = 15 // from which on a longer literal is no rarer
)

func leadOfTest(t *test) (testLead, int) {
	l := testLead{zone: t.zone, chain: t.chain}
	switch {
	case t.not, t.op.macro != nil, t.zone == zoneMethod, t.zone == zoneProtocol, t.zone == zoneFilesSize:
		return l, 0
	case t.count && (t.name == "" || t.op.kind != opGte || t.op.number < 1 || t.chain != 0):
		return l, 0 // what is compared is not what is there
	case t.name != "":
		l.name = t.name
		return l, scoreOfName(t)
	case t.op.kind.isLiteral() && !bytes.ContainsRune(t.op.text, utf8.RuneError):
		l.literals = []string{string(t.op.text)}
	case t.op.kind == opRegex:
		l.literals = t.op.re.literals
	}
	if len(l.literals) == 0 {
		return l, 0
	}
	return l, scoreOfLiterals(t.zone, search.Shortest(l.literals))
}

func scoreOfLiterals(z zone, shortest int) int {
	score := min(shortest, mostLength)
	switch {
	case z == zoneURI && shortest > 1, z == zoneURIFull && shortest > 1:
		return score + scoreTarget
	case z == zoneURI, z == zoneURIFull: // every target has a slash
		return score
	case z.isBody():
		return score + scoreBody
	}
	return score + scoreOther
}

// common are names of headers that nearly every request has.
var common = []string{"accept", "accept-encoding", "accept-language", "authorization", "connection", "content-length", "content-type", "cookie", "host", "referer", "user-agent"}

func scoreOfName(t *test) int {
	score := min(len(t.name), mostLength)
	switch {
	case t.zone == zoneHeaders && slices.Contains(common, t.name), t.zone.isBody():
		return score + scoreBody
	case t.zone == zoneFiles, t.zone == zoneFilesNames:
		return 0 // have no names
	}
	return score + scoreName
}

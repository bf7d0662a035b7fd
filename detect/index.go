package detect

import (
	"math/bits"
	"strings"
)

// An index tells which rules an event may match, by what is cheap to find out: the
// method, the status, and the literals that are in its texts. A request that wants
// no harm hardly meets one, so that hundreds of rules cost it as little as a few.
type index struct {
	free     []uint64 // the rules that no literal is needed for
	scans    [hayCount]scan
	verbs    map[string][]uint64 // rules that the method allows; one not here allows all
	statuses [][]uint64          // rules that the status allows, likewise
}

// A scan looks for literals in a text.
type scan struct {
	find  *automaton // nil: there are none
	sets  [][]uint64 // by state: the rules that what was found is needed for
	rules []uint64   // that need any of them
}

// commonVerbs are those that the index knows what to think of.
var commonVerbs = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"}

func newSet(words int) []uint64 { return make([]uint64, words) }

func put(set []uint64, i int) { set[i/64] |= 1 << (i % 64) }

// index makes the index of the rules.
func (p *program) index() {
	p.idx.free = newSet(p.words)
	var literals [hayCount][]string
	var owners [hayCount][]int
	for i, r := range p.rules {
		if len(r.filter.need) == 0 {
			put(p.idx.free, i)
		}
		for _, n := range r.filter.need {
			literals[n.hay], owners[n.hay] = append(literals[n.hay], n.literal), append(owners[n.hay], i)
			if n.hay == hayDecoded { // which is the target itself if nothing in it is escaped
				literals[hayTarget], owners[hayTarget] = append(literals[hayTarget], n.literal), append(owners[hayTarget], i)
			}
		}
	}
	for hay := range literals {
		p.idx.scans[hay] = newScan(literals[hay], owners[hay], p.words)
	}
	p.classify()
}

func newScan(literals []string, owners []int, words int) scan {
	if len(literals) == 0 {
		return scan{}
	}
	s := scan{find: newAutomaton(literals, true), rules: newSet(words)}
	for _, found := range s.find.found {
		set := newSet(words)
		for _, literal := range found {
			put(set, owners[literal])
		}
		s.sets = append(s.sets, set)
	}
	for _, rule := range owners {
		put(s.rules, rule)
	}
	return s
}

// classify asks each rule what it thinks of each method and each status.
func (p *program) classify() {
	verbs, statuses := fieldVerb.set()|fieldParsedVerb.set(), fieldStatus.set()|fieldParsedStatus.set()
	p.idx.verbs = make(map[string][]uint64)
	for _, verb := range commonVerbs {
		p.idx.verbs[verb] = p.allowing(&Event{Method: verb}, verbs)
	}
	for status := range statusTexts {
		p.idx.statuses = append(p.idx.statuses, p.allowing(&Event{Status: status}, statuses))
	}
}

// allowing returns the rules that e may match, as far as its known fields tell.
func (p *program) allowing(e *Event, known fieldSet) []uint64 {
	set := newSet(p.words)
	v := p.open(e, prefixOf(e.Client, 0))
	defer v.close()
	for i, r := range p.rules {
		kids := []*cond{r.filter}
		if r.filter.op == opAnd {
			kids = r.filter.kids
		}
		allowed := true
		for _, k := range kids {
			if k.deps != 0 && k.deps&^known == 0 && k.plain() {
				allowed = allowed && k.test(v)
			}
		}
		if allowed {
			put(set, i)
		}
	}
	return set
}

// candidates returns the rules of those asked that the event may match. The set is
// good until the next call.
func (p *program) candidates(v *view, asked []uint64, late bool) []uint64 {
	verbs := p.idx.verbs[v.evt.Method]
	var statuses []uint64
	if status := v.evt.Status; late && status >= 0 && status < len(p.idx.statuses) {
		statuses = p.idx.statuses[status]
	}
	for w := range v.bits {
		v.bits[w] = p.idx.free[w]
	}
	v.scan(&p.idx.scans[hayTarget], v.target, asked, verbs, statuses)
	v.scan(&p.idx.scans[hayAgent], clip(v.evt.UserAgent), asked, verbs, statuses)
	v.scan(&p.idx.scans[hayReferer], clip(v.evt.Referer), asked, verbs, statuses)
	v.scan(&p.idx.scans[hayLine], clip(v.evt.Line), asked, verbs, statuses)
	v.scanDecoded(&p.idx.scans[hayDecoded], asked, verbs, statuses)
	for w := range v.bits {
		v.bits[w] &= allowed(w, asked, verbs, statuses)
	}
	return v.bits
}

// allowed returns a word of the set of rules that are in all of the sets. A set
// that is nil holds all.
func allowed(w int, sets ...[]uint64) uint64 {
	word := ^uint64(0)
	for _, s := range sets {
		if s != nil {
			word &= s[w]
		}
	}
	return word
}

// wanted reports whether the scan can tell of a rule that is asked.
func (s *scan) wanted(asked, verbs, statuses []uint64) bool {
	if s.find == nil {
		return false
	}
	for w, rules := range s.rules {
		if rules&allowed(w, asked, verbs, statuses) != 0 {
			return true
		}
	}
	return false
}

func (v *view) scan(s *scan, text string, asked, verbs, statuses []uint64) {
	if text != "" && s.wanted(asked, verbs, statuses) {
		mark(s.find, text, s.sets, v.bits)
	}
}

func (v *view) scanDecoded(s *scan, asked, verbs, statuses []uint64) {
	if strings.IndexByte(v.target, '%') >= 0 && s.wanted(asked, verbs, statuses) {
		v.scratch = appendUnescaped(v.scratch[:0], v.target)
		mark(s.find, v.scratch, s.sets, v.bits)
	}
}

// each calls f with the numbers in the set.
func each(set []uint64, f func(i int)) {
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

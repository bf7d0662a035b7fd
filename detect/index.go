package detect

import (
	"math/bits"
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/search"
)

// An index finds the rules that an event may match, from facts that are cheap to compute:
// the method, the status, and the literals in its texts. A normal request meets almost none
// of them, so hundreds of rules cost it as little as a few.
type index struct {
	free     []uint64 // the rules that need no literal
	scans    [hayCount]scan
	verbs    map[string][]uint64 // the rules for each method; a method that is missing here allows all rules
	gets     []uint64            // the entry of verbs for GET, the most common method
	statuses [][]uint64          // the rules for each status, in the same way
	kinds    map[string][]uint64 // the rules for each kind of login; nil if no rule uses the kind
	outcomes map[string][]uint64 // the rules for each outcome, in the same way
	unsaid   []uint64            // the rules for an event with an unknown Event.Matched
}

// A scan searches a text for literals.
type scan struct {
	find  *search.Automaton // nil if there are no literals
	sets  [][]uint64        // by state: the rules that need the literals found there
	rules []uint64          // the rules that need at least one literal
}

// commonVerbs are the methods for which the index has an entry.
var commonVerbs = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PROPFIND"}

func newSet(words int) []uint64 { return make([]uint64, words) }

func put(set []uint64, i int) { set[i/64] |= 1 << (i % 64) }

// index builds the index of the rules.
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
			if n.hay == hayDecoded { // this is the target itself if it has no escapes
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
	s := scan{find: search.New(literals, true), rules: newSet(words)}
	for _, found := range s.find.Groups() {
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

// classify finds out which rules each method and each status allow.
func (p *program) classify() {
	verbs, statuses := fieldVerb.set()|fieldParsedVerb.set(), fieldStatus.set()|fieldParsedStatus.set()
	p.idx.verbs = make(map[string][]uint64)
	for _, verb := range commonVerbs {
		p.idx.verbs[verb] = p.allowing(&event.Event{Method: verb}, verbs)
	}
	p.idx.gets = p.idx.verbs["GET"]
	for status := range statusTexts {
		known := statuses
		if status != http.StatusUnauthorized { // only for 401 do the answer's fields add anything
			known |= fieldSubType.set()
		}
		p.idx.statuses = append(p.idx.statuses, p.allowing(&event.Event{Status: status}, known))
	}
	p.idx.unsaid = p.allowing(&event.Event{}, fieldMatched.set())
	if p.asks(fieldKind) {
		p.idx.kinds = make(map[string][]uint64)
		for _, kind := range []string{"", kindForm, kindBasic, kindDigest, kindProof, kindToken, kindCode, kindLookup, kindXMLRPC} {
			p.idx.kinds[kind] = p.allowingIn(&event.Event{}, fieldKind.set(), func(v *view) { v.tried = attempt{gen: v.gen, kind: kind} })
		}
	}
	if p.asks(fieldOutcome) {
		p.idx.outcomes = make(map[string][]uint64)
		for _, outcome := range []string{"", outcomeMissing, outcomeRefused} {
			p.idx.outcomes[outcome] = p.allowingIn(&event.Event{}, fieldOutcome.set(), func(v *view) { v.ended = ending{v.gen, outcome} })
		}
	}
}

// asks reports whether any rule uses the field.
func (p *program) asks(f field) bool {
	for _, r := range p.rules {
		for _, e := range r.expressions() {
			if e.deps&f.set() != 0 {
				return true
			}
		}
	}
	return false
}

// allowing returns the rules that e may match, from its known fields.
func (p *program) allowing(e *event.Event, known fieldSet) []uint64 {
	return p.allowingIn(e, known, func(*view) {})
}

// allowingIn is allowing for a view of e, with the values that prepare computes.
func (p *program) allowingIn(e *event.Event, known fieldSet, prepare func(*view)) []uint64 {
	set := newSet(p.words)
	v := p.open(e, event.ClientOf(e.Client))
	defer v.close()
	prepare(v)
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

// candidates returns those of the given rules that the event may match. The set is valid
// until the next call.
func (p *program) candidates(v *view, asked []uint64, late bool) []uint64 {
	verbs := p.idx.gets
	if v.evt.Method != "GET" {
		verbs = p.idx.verbs[v.evt.Method]
	}
	var statuses []uint64
	if status := v.evt.Status; late && status >= 0 && status < len(p.idx.statuses) {
		statuses = p.idx.statuses[status]
	}
	copy(v.allowed, asked)
	v.allow(verbs)
	v.allow(statuses)
	if v.evt.Matched == "" {
		v.allow(p.idx.unsaid)
	}
	if late {
		p.classes(v)
	}
	copy(v.bits, p.idx.free)
	v.scan(&p.idx.scans[hayTarget], v.target)
	v.scanRecent(&p.idx.scans[hayAgent], clip(v.evt.UserAgent), v.agents)
	v.scanRecent(&p.idx.scans[hayReferer], clip(v.evt.Referer), v.referers)
	v.scan(&p.idx.scans[hayLine], clip(v.evt.Line))
	v.scanDecoded(&p.idx.scans[hayDecoded])
	for w, rules := range v.allowed {
		v.bits[w] &= rules
	}
	return v.bits
}

// classes removes the rules that expensive fields rule out, if a rule that uses such a field
// is left.
func (p *program) classes(v *view) {
	if p.idx.kinds != nil {
		v.allow(p.idx.kinds[v.attempt().kind])
	}
	if p.idx.outcomes != nil {
		outcome, _ := v.outcome()
		v.allow(p.idx.outcomes[outcome])
	}
}

// allow keeps the rules that are in set. A nil set contains all rules.
func (v *view) allow(set []uint64) {
	for w, rules := range set {
		v.allowed[w] &= rules
	}
}

// wanted reports whether the scan can find literals of an allowed rule.
func (s *scan) wanted(allowed []uint64) bool {
	if s.find == nil {
		return false
	}
	for w, rules := range s.rules {
		if rules&allowed[w] != 0 {
			return true
		}
	}
	return false
}

func (v *view) scan(s *scan, text string) {
	if text != "" && s.wanted(v.allowed) {
		search.Mark(s.find, text, s.sets, v.bits)
	}
}

func (v *view) scanDecoded(s *scan) {
	if strings.IndexByte(v.target, '%') >= 0 && s.wanted(v.allowed) {
		v.scratch = appendUnescaped(v.scratch[:0], v.target)
		search.Mark(s.find, v.scratch, s.sets, v.bits)
	}
}

// each calls f for each number in the set.
func each(set []uint64, f func(i int)) {
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

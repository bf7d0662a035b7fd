package detect

import (
	"math/bits"
	"net/http"
	"strings"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/search"
)

// An index tells which rules an event may match, by what is cheap to find out: the
// method, the status, and the literals that are in its texts. A request that wants
// no harm hardly meets one, so that hundreds of rules cost it as little as a few.
type index struct {
	free     []uint64 // the rules that no literal is needed for
	scans    [hayCount]scan
	verbs    map[string][]uint64 // rules that the method allows; one not here allows all
	gets     []uint64            // of verbs, that of GET, which most requests are
	statuses [][]uint64          // rules that the status allows, likewise
	kinds    map[string][]uint64 // rules that the kind of an attempt to log in allows; nil: none asks
	outcomes map[string][]uint64 // rules that the outcome allows, likewise
	unsaid   []uint64            // rules that an event allows of which the server has said nothing: see Event.Matched
}

// A scan looks for literals in a text.
type scan struct {
	find  *search.Automaton // nil: there are none
	sets  [][]uint64        // by state: the rules that what was found is needed for
	rules []uint64          // that need any of them
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

// classify asks each rule what it thinks of each method and each status.
func (p *program) classify() {
	verbs, statuses := fieldVerb.set()|fieldParsedVerb.set(), fieldStatus.set()|fieldParsedStatus.set()
	p.idx.verbs = make(map[string][]uint64)
	for _, verb := range commonVerbs {
		p.idx.verbs[verb] = p.allowing(&event.Event{Method: verb}, verbs)
	}
	p.idx.gets = p.idx.verbs["GET"]
	for status := range statusTexts {
		known := statuses
		if status != http.StatusUnauthorized { // with which alone the answer's fields say more
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

// asks reports whether any rule asks for the field.
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

// allowing returns the rules that e may match, as far as its known fields tell.
func (p *program) allowing(e *event.Event, known fieldSet) []uint64 {
	return p.allowingIn(e, known, func(*view) {})
}

// allowingIn is allowing for what prepare makes of a view of e.
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

// candidates returns the rules of those asked that the event may match. The set is
// good until the next call.
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

// classes leaves out the rules that what is dear to find out forbids, if any is left
// that asks for it.
func (p *program) classes(v *view) {
	if p.idx.kinds != nil {
		v.allow(p.idx.kinds[v.attempt().kind])
	}
	if p.idx.outcomes != nil {
		outcome, _ := v.outcome()
		v.allow(p.idx.outcomes[outcome])
	}
}

// allow leaves the rules that are in set. One that is nil holds all.
func (v *view) allow(set []uint64) {
	for w, rules := range set {
		v.allowed[w] &= rules
	}
}

// wanted reports whether the scan can tell of a rule that is allowed.
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

// each calls f with the numbers in the set.
func each(set []uint64, f func(i int)) {
	for w, word := range set {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}

package waf

import (
	"math/bits"
	"slices"
	"sync"

	"github.com/tocsin-project/tocsin/internal/inflate"
)

// A pool keeps inspections for the next requests.
type pool struct{ sync.Pool }

// An Inspection holds a request against rules. It is for one goroutine, until
// [Inspection.Close].
type Inspection struct {
	rules   *Rules
	req     *Request
	query   []byte // of the target, with its escapes
	room    room
	zones   [zoneCount]zoneValues
	loaded  [zoneCount]bool
	known   []verdict // by condition
	bits    []uint64  // groups that may match
	waiting []int     // groups that the head meets, and that ask for the body
	alive   []int     // groups that the head does not rule out, if something in the body leads to them
	matches []Match
	watches []Watch // of detectors

	fileHeads []pair // names of files in the body, and how they begin
	hidden    []pair // values of the body that only some applications read: see hide

	awaits bool // the body is not known yet
	unique bool // of names in the body that differ in case only, one counts
	isJSON bool

	fromQuery, fromBody source
	over                bool
	left                int  // bytes of the head that are still looked at
	work                int  // that was done: see spend
	shown               int  // and by detectors in the head
	length              int  // of the body
	padded              bool // the head is longer, or a form has more fields, than any: see Costly
	slowHead            bool // the head alone took too much: see Costly
	injected            int  // bytes that were searched for injections
	json                jsonReader

	limit    int    // bytes of the body that are looked at
	inflated []byte // the body without its Content-Encoding, if it has one
	encoded  bool   // the Content-Encoding is not known
	decoder  inflate.Decoder
}

// zoneValues are the values of a zone, and what transforms make of them.
type zoneValues struct {
	values []pair
	made   [][][]byte // by chain and value; nil: not made yet
}

// A verdict is what is known about a condition or a group.
type verdict uint8

const (
	unknown verdict = iota
	unmet
	met
	later // it depends on the body
)

func newInspection(r *Rules) *Inspection {
	in := &Inspection{rules: r, known: make([]verdict, len(r.conds)), bits: make([]uint64, len(r.free))}
	in.fromQuery.after, in.fromBody.after = make([]sourceText, len(r.chains)), make([]sourceText, len(r.chains))
	for z := range in.zones {
		in.zones[z].made = make([][][]byte, len(r.chains))
	}
	for _, d := range r.detectors {
		in.watches = append(in.watches, d.Watch())
	}
	return in
}

// Head holds the head of a request against the rules. If there is no body, that is all
// there is to do.
func (r *Rules) Head(req *Request) *Inspection {
	in := r.inspections.Get().(*Inspection)
	in.req, in.awaits = req, req.HasBody && !r.policy.NoBody
	in.left, in.limit, in.over, in.encoded = maxHead, defaultBodyLimit, false, false
	in.work, in.shown, in.injected, in.length, in.padded = 0, 0, 0, 0, false
	in.loadTarget()
	if !in.awaits {
		in.setBody(nil)
	}
	copy(in.bits, r.free)
	for z := range zoneCount {
		if !z.isBody() || !in.awaits {
			in.follow(z)
		}
	}
	in.judgeMarked()
	if in.awaits {
		in.askLate()
	}
	in.watchHead()
	in.tell()
	in.slowHead = in.isSpent()
	return in
}

// askLate finds the groups that something in the body may lead to.
func (in *Inspection) askLate() {
	for _, g := range in.rules.late {
		if !has(in.bits, g) && in.group(g) != unmet {
			in.alive = append(in.alive, g)
		}
	}
}

// NeedsBody reports whether rules may match depending on the body.
func (in *Inspection) NeedsBody() bool {
	return in.awaits && len(in.waiting)+len(in.alive)+len(in.watches) > 0
}

// Body holds the body against the rules that ask for it.
func (in *Inspection) Body(body []byte) {
	if !in.NeedsBody() {
		return
	}
	in.awaits = false
	if in.isSpent() {
		body = nil // nothing more is found
	}
	in.setBody(body)
	clear(in.bits)
	for z := firstOfBody; z < zoneCount; z++ {
		in.follow(z)
	}
	for _, g := range in.alive {
		if has(in.bits, g) {
			in.waiting = append(in.waiting, g)
		}
	}
	clear(in.bits)
	for _, g := range in.waiting {
		put(in.bits, g)
	}
	in.judgeMarked()
	in.watchBody(body)
	in.tell()
}

// Over reports whether the request is too large to be looked at whole: there may be more
// in it than was found.
func (in *Inspection) Over() bool { return in.over }

// Matches returns the rules that match, those of the head first. It is valid after Close.
func (in *Inspection) Matches() []Match { return in.matches }

// Stop returns the first rule that stops the request, if there is one.
func (in *Inspection) Stop() (Match, bool) {
	for _, m := range in.matches {
		if !m.Rule.OutOfBand {
			return m, true
		}
	}
	return Match{}, false
}

// Close ends the inspection.
func (in *Inspection) Close() {
	for z := range in.zones {
		v := &in.zones[z]
		if cap(v.values) > keptValues {
			*v = zoneValues{made: make([][][]byte, len(in.rules.chains))}
		}
		if len(v.values) == 0 {
			continue
		}
		v.values = v.values[:0]
		for c := range v.made {
			v.made[c] = v.made[c][:0]
		}
	}
	in.req, in.query, in.inflated, in.matches = nil, nil, nil, nil
	for _, w := range in.watches {
		w.Reset()
	}
	in.fromQuery.forget()
	in.fromBody.forget()
	in.room.reset(keptBytes)
	in.json.reset()
	in.loaded = [zoneCount]bool{}
	clear(in.known)
	in.waiting, in.alive = in.waiting[:0], in.alive[:0]
	in.unique, in.isJSON = false, false
	in.fileHeads, in.hidden = in.fileHeads[:0], in.hidden[:0]
	in.rules.inspections.Put(in)
}

// judgeMarked asks the groups that may match, in their order.
func (in *Inspection) judgeMarked() {
	for w, word := range in.bits {
		for ; word != 0; word &= word - 1 {
			in.judge(w*64 + bits.TrailingZeros64(word))
		}
	}
}

// judge asks a group, and says so if it is met.
func (in *Inspection) judge(g int) {
	switch in.group(g) {
	case later:
		in.waiting = append(in.waiting, g)
	case met:
		rule := &in.rules.rules[in.rules.groups[g].rule]
		if !slices.ContainsFunc(in.matches, func(m Match) bool { return m.Rule == rule }) {
			m := Match{Rule: rule}
			in.find(g, &m)
			in.matches = append(in.matches, m)
		}
	}
}

func (in *Inspection) group(g int) verdict {
	v := met
	for _, n := range in.rules.groups[g].conds {
		switch in.condition(n) {
		case unmet:
			return unmet
		case later:
			v = later
		}
	}
	return v
}

// condition returns whether a condition is met. Each is asked once, but for those that wait
// for the body.
func (in *Inspection) condition(n int) verdict {
	v := in.known[n]
	if v == unmet || v == met || v == later && in.awaits {
		return v
	}
	cond := in.rules.conds[n]
	if v = unmet; in.isSpent() {
		return v
	}
	for i := range cond.tests {
		t := &cond.tests[i]
		if in.awaits && t.zone.isBody() {
			v = later
		} else if in.test(t) {
			v = met
			break
		}
	}
	in.known[n] = v
	return v
}

// test reports whether any of the values that a test asks is what it looks for.
func (in *Inspection) test(t *test) bool {
	if t.count {
		return in.asks(t, in.through(t.chain, in.count(t)))
	}
	values := in.values(t.zone)
	in.spend(len(values) * costOfValue)
	for i := range values {
		if in.isSpent() {
			return false
		}
		if in.selects(t, &values[i]) && in.asks(t, in.transformed(t.zone, i, t.chain)) {
			return true
		}
	}
	return false
}

// asks reports whether one value is what a test looks for.
func (in *Inspection) asks(t *test, value []byte) bool {
	if t.op.kind.isInjection() {
		return in.injects(t, value) != t.not
	}
	if !in.affords(costOfAsking + len(value)*t.op.kind.costOfByte()) {
		return false
	}
	return t.op.asks(value, in.textOf(t.op)) != t.not
}

// selects reports whether a test asks a value.
func (in *Inspection) selects(t *test, p *pair) bool {
	if t.name != "" {
		return string(in.lowerOf(p)) == t.name
	}
	return t.pattern == nil || t.pattern.match(in.lowerOf(p))
}

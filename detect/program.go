package detect

import (
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
)

// A program is a compiled set of rules. It does not change.
type program struct {
	rules       []*rule
	whitelists  []compiledWhitelist
	early, late []uint64 // the rules of each phase
	forgiving   []*rule  // rules whose counts a login takes back
	relieved    []*rule  // rules whose counts a known code compensates
	remembers   bool     // at least one rule depends on earlier events
	both        []uint64
	found       []uint64 // the rules for findings
	idx         index
	seed        maphash.Seed // the seed for hashes of texts: see recentSearch

	words                int // the length of a set of rules, in words
	textSlots, condSlots int
	views, machines      sync.Pool
}

// A rule is a compiled scenario.
type rule struct {
	*scenario
	id       uint32 // identifies its buckets: see Detector.Use
	filter   *cond
	distinct *text // nil if all events count
	late     bool
	count    *scenarioCount

	byClient bool    // events are grouped by client, and also
	parts    []*text // by these

	rate  float64 // tokens a second
	life  int64   // how long a bucket without events is kept, in nanoseconds
	quiet int64   // the blackhole, in nanoseconds
}

// A scenarioCount has the counters of a scenario. They stay when the rules are replaced.
type scenarioCount struct {
	overflows, hidden atomic.Uint64
}

// learn tells the compiler which keys SetMeta sets.
func (c *compiler) learn(scenarios []*scenario) {
	for _, s := range scenarios {
		for _, e := range s.expressions() {
			for _, key := range e.sets {
				c.set[key] = true
			}
		}
	}
}

// compile compiles rules. ids gives the scenarios their IDs.
func compile(r *Rules, ids func(*scenario) (uint32, *scenarioCount)) *program {
	c := newCompiler(r.lists)
	c.learn(r.scenarios)
	p := &program{words: (len(r.scenarios) + 63) / 64, seed: maphash.MakeSeed()}
	p.early, p.late, p.both = newSet(p.words), newSet(p.words), newSet(p.words)
	p.found = newSet(p.words)
	late := lateScenarios(r.scenarios)
	for i, s := range r.scenarios {
		id, count := ids(s)
		rule := c.rule(s)
		rule.id, rule.count, rule.late = id, count, late[s]
		p.rules = append(p.rules, rule)
		p.remembers = p.remembers || rule.remembers()
		if rule.byCodes {
			p.relieved = append(p.relieved, rule)
		}
		if rule.forgiven {
			p.forgiving = append(p.forgiving, rule)
		}
		p.place(rule, i)
	}
	for _, w := range r.whitelists {
		p.whitelists = append(p.whitelists, c.whitelist(w))
	}
	p.textSlots, p.condSlots = c.slots.texts, c.slots.conds
	p.index()
	return p
}

// place sets the phase of a rule, by its number.
func (p *program) place(r *rule, number int) {
	if r.asksFindings() {
		put(p.found, number)
	}
	if !r.asksRequests() {
		return
	}
	put(p.both, number)
	if r.late {
		put(p.late, number)
	} else {
		put(p.early, number)
	}
}

// lateScenarios returns the scenarios that must wait for the response: those that need it,
// and those that read a value which one of these sets.
func lateScenarios(scenarios []*scenario) map[*scenario]bool {
	late, set := make(map[*scenario]bool), make(map[string]bool)
	for more := true; more; {
		more = false
		for _, s := range scenarios {
			reads := slices.ContainsFunc(s.expressions(), func(e *expression) bool {
				return slices.ContainsFunc(e.reads, func(key string) bool { return set[key] })
			})
			if late[s] || !s.late() && !reads {
				continue
			}
			late[s], more = true, true
			for _, e := range s.expressions() {
				for _, key := range e.sets {
					set[key] = true
				}
			}
		}
	}
	return late
}

// filterOf compiles the filter of a scenario.
func (c *compiler) filterOf(s *scenario) *cond {
	c.findings = s.asksFindings()
	defer func() { c.findings = false }()
	return c.filter(s.filter)
}

func (c *compiler) rule(s *scenario) *rule {
	r := &rule{
		scenario: s,
		filter:   c.filterOf(s),
		life:     int64(s.capacity+1) * int64(s.leak),
		quiet:    int64(s.blackhole),
	}
	if s.leak > 0 {
		r.rate = 1 / s.leak.Seconds()
	}
	if s.distinct != nil {
		r.distinct = c.textOf(s.distinct)
	}
	if s.groupby == nil {
		return r
	}
	c.group = true
	group := c.textOf(s.groupby)
	c.group = false
	for _, part := range group.pieces() {
		if part.key == fields[fieldGroupIP].name {
			r.byClient = true
		} else {
			r.parts = append(r.parts, part)
		}
	}
	// With only one text besides the client, separators make no difference.
	if dynamic := slices.DeleteFunc(slices.Clone(r.parts), func(t *text) bool { return t.fixed }); len(dynamic) <= 1 {
		r.parts = dynamic
	}
	return r
}

// textOf compiles an expression whose result is a text. The interpreter evaluates forms that
// the compiler does not know.
func (c *compiler) textOf(e *expression) *text {
	if t := c.text(e.tree(), nil); t != nil {
		return t
	}
	return &text{eval: interpretText(e.program()), key: e.source, deps: e.deps, cost: costInterpret, fresh: true}
}

// A bucketKey identifies a bucket: a scenario and a client or group.
type bucketKey struct {
	rule   uint32
	hi, lo uint64 // the client's address
	rest   uint64 // hash of the other texts by which events are grouped

	reflected bool // events that the client did not cause are counted separately
}

// reflects reports whether the rule counts the event as not caused by the client. A guard is
// not about a client, so for it all events are the same.
func (r *rule) reflects(v *view) bool {
	return r.guard == event.NoGuard && v.evt.Attribution.IsReflected()
}

// key returns the key of the event's bucket.
func (r *rule) key(v *view, seed maphash.Seed) bucketKey {
	k := bucketKey{rule: r.id, reflected: r.reflects(v)}
	if r.byClient {
		k.hi, k.lo = v.clientBits()
	}
	switch len(r.parts) {
	case 0:
	case 1:
		k.rest = maphash.String(seed, r.parts[0].of(v))
	default:
		var h maphash.Hash
		h.SetSeed(seed)
		for _, part := range r.parts {
			h.WriteString(part.of(v)) // never fails
		}
		k.rest = h.Sum64()
	}
	return k
}

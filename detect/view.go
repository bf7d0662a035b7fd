package detect

import (
	"maps"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// A view is an event in the form that expressions use, for one phase. Slow values are
// computed once.
type view struct {
	prog    *program
	evt     *event.Event
	sites   *siteMemory  // nil if nothing is known about the site
	clients *clients     // nil if nothing is known about the client
	client  netip.Prefix // the client to act on

	target, request, args, dir, name string // see split

	ext             int // the position of the extension in name
	hasArgs, hasDir bool

	// failed is set if an expression could not be evaluated: see cond.
	failed bool

	gen     uint32 // the generation of the values below: values of another generation are stale
	body    sent
	call    call
	tried   attempt
	ended   ending
	result  loginResult
	quiet   quietness
	cleaned cleaned
	texts   []textMemo
	conds   []condMemo
	set     map[string]string // values set by SetMeta
	env     *exprEvent        // nil until an expression needs it

	bits    []uint64 // the set of rules that may match
	allowed []uint64 // the set of rules that the event allows
	scratch []byte

	agents, referers *recentSearch
}

type textMemo struct {
	gen  uint32
	text string
}

type condMemo struct {
	gen uint32
	ok  bool
}

// open returns a view of e. The caller must close it.
func (p *program) open(e *event.Event, client netip.Prefix) *view {
	v, ok := p.views.Get().(*view)
	if !ok {
		v = &view{
			prog:  p,
			texts: make([]textMemo, p.textSlots),
			conds: make([]condMemo, p.condSlots),
			bits:  newSet(p.words), allowed: newSet(p.words),
			agents: newRecentSearch(p.words), referers: newRecentSearch(p.words),
		}
	}
	v.evt, v.client = e, client
	if v.gen++; v.gen == 0 { // after four billion events, old values would look current
		v.body, v.call, v.tried = sent{}, call{}, attempt{}
		v.ended, v.cleaned, v.quiet, v.result = ending{}, cleaned{}, quietness{}, loginResult{}
		clear(v.texts)
		clear(v.conds)
		v.gen = 1
	}
	v.split()
	return v
}

// close returns the view for reuse.
func (v *view) close() {
	v.evt, v.env, v.sites, v.clients = nil, nil, nil, nil
	if v.body.gen == v.gen { // do not keep passwords in memory
		v.body = sent{}
	}
	if v.call.gen == v.gen {
		v.call = call{}
	}
	if v.tried.gen == v.gen {
		v.tried = attempt{}
	}
	v.cleaned = cleaned{}
	if len(v.set) > 0 {
		clear(v.set)
	}
	v.prog.views.Put(v)
}

// meta returns the value of a key of evt.Meta that is not a field: one that SetMeta has set.
func (v *view) meta(key string) string { return v.set[key] }

// setMeta implements SetMeta in expressions.
func (v *view) setMeta(key, value string) {
	if v.set == nil {
		v.set = make(map[string]string)
	}
	// Copy the value: it may be part of a request's text, which would otherwise stay in
	// memory with it.
	v.set[key] = strings.Clone(value)
	if v.env != nil {
		v.env.Meta[key] = value
	}
}

// environment returns the event in the form for the interpreter.
func (v *view) environment() *exprEvent {
	if v.env == nil {
		v.env = &exprEvent{Meta: make(map[string]string, 16), Parsed: make(map[string]string, 24), view: v}
		for _, def := range fields {
			room, key, named := strings.Cut(def.name, ".")
			text, present := "", false
			if named {
				text, present = def.get(v)
			}
			switch {
			case !present:
			case room == "Meta":
				v.env.Meta[key] = text
			default:
				v.env.Parsed[key] = text
			}
		}
		maps.Copy(v.env.Meta, v.set)
	}
	return v.env
}

// A stringSet is a set of texts.
type stringSet map[string]struct{}

func newStringSet(texts ...string) stringSet {
	s := make(stringSet, len(texts))
	for _, t := range texts {
		s[t] = struct{}{}
	}
	return s
}

func (s stringSet) has(text string) bool {
	_, ok := s[text]
	return ok
}

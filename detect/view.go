package detect

import (
	"maps"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/event"
)

// A view is an event as expressions see it, for the length of one phase. What is
// dear to find out is found out once.
type view struct {
	prog    *program
	evt     *event.Event
	habits  *habits      // nil: nothing is known of the site
	clients *clients     // likewise of the client
	client  netip.Prefix // who is meant

	target, request, args, dir, name string // see split

	ext             int // where the extension begins in name
	hasArgs, hasDir bool

	// failed says that an expression could not be evaluated: see cond.
	failed bool

	gen     uint32 // of what follows: a memo of another generation is stale
	body    sent
	call    call
	tried   attempt
	ended   ending
	result  loginResult
	quiet   quietness
	cleaned cleaned
	texts   []textMemo
	conds   []condMemo
	set     map[string]string // by SetMeta
	env     *exprEvent        // nil until an expression needs it

	bits    []uint64 // of the rules that may match
	allowed []uint64 // of those that the event allows
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

// open returns a view of e. It is to be closed.
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
	if v.gen++; v.gen == 0 { // after four billion events the old memos look new
		v.body, v.call, v.tried = sent{}, call{}, attempt{}
		v.ended, v.cleaned, v.quiet, v.result = ending{}, cleaned{}, quietness{}, loginResult{}
		clear(v.texts)
		clear(v.conds)
		v.gen = 1
	}
	v.split()
	return v
}

// close gives the view back.
func (v *view) close() {
	v.evt, v.env, v.habits, v.clients = nil, nil, nil, nil
	if v.body.gen == v.gen { // no password stays behind
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

// meta returns what evt.Meta holds that is no field: what SetMeta put there.
func (v *view) meta(key string) string { return v.set[key] }

// setMeta is SetMeta of expressions.
func (v *view) setMeta(key, value string) {
	if v.set == nil {
		v.set = make(map[string]string)
	}
	// The value may be a part of a request's text, which would be kept with it.
	v.set[key] = strings.Clone(value)
	if v.env != nil {
		v.env.Meta[key] = value
	}
}

// environment returns the event for the interpreter of expressions.
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

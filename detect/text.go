package detect

import (
	"slices"
	"strings"
)

// A text is an expression that gives a text, compiled to Go.
type text struct {
	eval  func(*view) string
	key   string // two texts with the same key are the same
	deps  fieldSet
	hay   haystack // what it is a part of, but for the case of letters
	cost  int
	fixed bool // it is always the same
	value string
	slot  int      // where its value is kept for the length of a phase, from 1 on
	fresh bool     // what it depends on may change within a phase
	only  []string // what it can be besides empty; nil: anything

	parts []*text // what it is joined of, if it is
}

// of returns what the text is for the event.
func (t *text) of(v *view) string {
	if t.slot == 0 {
		return t.eval(v)
	}
	m := &v.texts[t.slot-1]
	if m.gen != v.gen {
		m.gen, m.text = v.gen, t.eval(v)
	}
	return m.text
}

func fixedText(s string) *text {
	return &text{eval: func(*view) string { return s }, key: quote(s), fixed: true, value: s}
}

func fieldText(f field) *text {
	def := fields[f]
	return &text{
		eval: func(v *view) string { s, _ := def.get(v); return s },
		key:  def.name,
		deps: f.set(),
		hay:  def.hay,
		cost: costField,
		only: def.only,
	}
}

// metaText is what evt.Meta holds that no field does.
func metaText(key string) *text {
	return &text{
		eval:  func(v *view) string { return v.meta(key) },
		key:   "Meta[" + quote(key) + "]",
		cost:  costField,
		fresh: true,
	}
}

// transforms are the helpers that make a text of one, and what that is part of.
var transforms = map[string]struct {
	apply   func(string) string
	unquote bool // it resolves escapes
}{
	"Upper":         {apply: strings.ToUpper},
	"Lower":         {apply: strings.ToLower},
	"PathUnescape":  {pathUnescape, true},
	"QueryUnescape": {queryUnescape, true},
}

// transform returns a text made of t by one of transforms.
func transform(name string, t *text) *text {
	how := transforms[name]
	if t.fixed {
		return fixedText(how.apply(t.value))
	}
	hay := t.hay
	switch {
	case !how.unquote:
	case hay == hayTarget:
		hay = hayDecoded
	default:
		hay = noHay
	}
	return &text{
		eval:  func(v *view) string { return how.apply(t.of(v)) },
		key:   name + "(" + t.key + ")",
		deps:  t.deps,
		hay:   hay,
		cost:  t.cost + costTransform,
		fresh: t.fresh,
	}
}

// join returns a text made of two, one after the other.
func join(a, b *text) *text {
	if a.fixed && b.fixed {
		return fixedText(a.value + b.value)
	}
	return &text{
		eval:  func(v *view) string { return a.of(v) + b.of(v) },
		key:   "(" + a.key + "+" + b.key + ")",
		deps:  a.deps | b.deps,
		cost:  a.cost + b.cost + costTransform,
		fresh: a.fresh || b.fresh,
		parts: slices.Concat(a.pieces(), b.pieces()),
	}
}

// pieces returns the texts that t is joined of, which may be t alone.
func (t *text) pieces() []*text {
	if t.parts != nil {
		return t.parts
	}
	return []*text{t}
}

// choose returns a text that is one of two.
func choose(c *cond, a, b *text) *text {
	return &text{
		eval: func(v *view) string {
			if c.test(v) {
				return a.of(v)
			}
			return b.of(v)
		},
		key:   "(" + c.key + "?" + a.key + ":" + b.key + ")",
		deps:  c.deps | a.deps | b.deps,
		cost:  c.cost + max(a.cost, b.cost),
		fresh: c.fresh || a.fresh || b.fresh,
	}
}
